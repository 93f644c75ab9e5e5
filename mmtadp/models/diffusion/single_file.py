"""Stable Diffusion checkpoints in one CompVis-layout file."""

from pathlib import Path
from typing import Dict

from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from torch import Tensor

from mmtadp.utils.tensor_files import read_tensors

# What each component's keys begin with in the CompVis layout.
PREFIXES = {
    'unet': 'model.diffusion_model.',
    'vae': 'first_stage_model.',
    'text_encoder': 'cond_stage_model.transformer.',
}


def read_single_file(path: Path, argument: str = 'pretrained') -> Dict[str, Tensor]:
    """Reads the tensors of a ``.safetensors``, ``.ckpt`` or ``.bin`` file, never its code.

    Args:
        path (Path): The file.
        argument (str): The argument that names the file, for messages.

    Returns:
        Dict[str, Tensor]: Key to tensor.

    Raises:
        ValueError: If the file holds anything but tensors and plain containers, or cannot be
            read.
    """
    advice = 'Use the `.safetensors` release of the model, or a diffusers folder'
    checkpoint = read_tensors(path, argument, advice)
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f"{argument}='{path}' holds a {type(checkpoint).__name__}, not weights by name."
        )
    return checkpoint.get('state_dict', checkpoint)


def compvis_unet(
    checkpoint: Dict[str, Tensor], source: str, unet_config: dict
) -> Dict[str, Tensor]:
    """The U-Net's part of a CompVis checkpoint under the keys of diffusers.

    Args:
        checkpoint (Dict[str, Tensor]): CompVis key to tensor.
        source (str): Where it came from, as the argument that names it, for messages.
        unet_config (dict): Config of the U-Net.

    Returns:
        Dict[str, Tensor]: diffusers' key to tensor.

    Raises:
        ValueError: If the converter of diffusers has no place for some of the tensors, which a
            U-Net of another architecture has.
    """
    # The converters of diffusers empty the dict that they are given.
    try:
        state = convert_ldm_unet_checkpoint(dict(checkpoint), unet_config)
    except KeyError as error:
        raise ValueError(
            f"{source}: its U-Net lacks 'model.diffusion_model.{error.args[0]}', which the "
            'architecture has.'
        ) from error
    count = sum(key.startswith(PREFIXES['unet']) for key in checkpoint)
    if len(state) != count:
        raise ValueError(
            f"{source}: of the U-Net's {count} tensors {len(state)} have a place in the "
            'architecture. Set `architecture`, or `pretrained`, to a model of the same one.'
        )
    return state


def split_single_file(
    checkpoint: Dict[str, Tensor], path: Path, unet_config: dict, vae_config: dict
) -> Dict[str, Dict[str, Tensor]]:
    """Renames CompVis keys to those of diffusers and transformers, by component.

    Args:
        checkpoint (Dict[str, Tensor]): CompVis key to tensor.
        path (Path): Where it came from, for messages.
        unet_config (dict): Config of the U-Net.
        vae_config (dict): Config of the autoencoder.

    Returns:
        Dict[str, Dict[str, Tensor]]: State dicts of 'unet', 'vae' and 'text_encoder'.

    Raises:
        ValueError: If a component is missing.
    """
    for component, prefix in PREFIXES.items():
        if not any(key.startswith(prefix) for key in checkpoint):
            example = next(iter(checkpoint), 'nothing')
            raise ValueError(
                f"pretrained='{path}' has no {component}: no key begins with '{prefix}' (the file "
                f"holds {len(checkpoint)} keys, e.g. '{example}'). A single file must be a whole "
                'Stable Diffusion 1.x checkpoint in CompVis layout.'
            )
    text = convert_ldm_clip_checkpoint(dict(checkpoint))
    return {
        'unet': compvis_unet(checkpoint, f"pretrained='{path}'", unet_config),
        'vae': convert_ldm_vae_checkpoint(dict(checkpoint), vae_config),
        'text_encoder': {
            key.removeprefix('text_model.'): value
            for key, value in text.items()
            if not key.endswith('position_ids')
        },
    }
