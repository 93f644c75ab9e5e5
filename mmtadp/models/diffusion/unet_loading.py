"""Load the weights of another U-Net into a diffusion model."""

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import similar_paths
from mmtadp.utils.model_folders import (
    CONFIG,
    choose_weights,
    folder_content,
    load_part,
    read_model_config,
)

from .single_file import load_component, read_single_file


def load_unet_weights(unet: UNet2DConditionModel, source: str) -> None:
    """Load the weights of another U-Net of the same architecture, such as DreamBooth's.

    Args:
        unet (UNet2DConditionModel): The pipeline's U-Net; its weights are replaced.
        source (str): A diffusers folder of a U-Net (``config.json`` and weights), the folder of a
            pipeline (its ``unet`` is read), or a single file in CompVis layout (its U-Net is
            read).

    Raises:
        FileNotFoundError: If ``source`` does not exist.
        RunError: If it does not hold a U-Net, or its architecture differs.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"unet='{source}' does not exist (looked at {path.absolute()})."
            f'{similar_paths(source)} It should be the unet folder that DreamBooth has saved, the '
            'folder of its pipeline, or a single .safetensors or .ckpt file in CompVis layout.'
        )
    if path.is_dir():
        unet.load_state_dict(_read_unet_folder(path, unet).state_dict())
    else:
        load_component('unet', unet, read_single_file(path, 'unet', ['unet']))


def _read_unet_folder(path: Path, unet: UNet2DConditionModel) -> UNet2DConditionModel:
    folder = path / 'unet' if (path / 'unet' / CONFIG).is_file() else path
    source = f"unet='{path}'"
    names = [entry.name for entry in folder.iterdir()]
    if CONFIG not in names or choose_weights(names) is None:
        raise RunError(
            f'{source} is not a U-Net of diffusers: {folder} should hold {CONFIG} and '
            'diffusion_pytorch_model.safetensors (or .bin, or shards), and holds '
            f'{folder_content(folder)}.'
        )
    read_model_config(folder, source, 'unet', (UNet2DConditionModel.__name__,))
    _check_architecture(folder, unet)
    kwargs = dict(torch_dtype=torch.float32, low_cpu_mem_usage=False)
    return load_part(UNet2DConditionModel, folder, source, 'unet', strict=True, **kwargs)


def _check_architecture(folder: Path, unet: UNet2DConditionModel) -> None:
    config = UNet2DConditionModel.load_config(folder)
    # Only a built model knows the values that its config leaves out.
    with torch.device('meta'):
        theirs = _unet_architecture(UNet2DConditionModel.from_config(config))
    ours = _unet_architecture(unet)
    different = [
        f'{key} is {theirs.get(key)!r} in {folder / CONFIG} and {ours.get(key)!r} in `pretrained`'
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]
    if different:
        raise RunError(
            f"unet='{folder}' has another architecture: {'; '.join(different)}. DreamBooth keeps "
            'the architecture: set `pretrained` to the model that it started from.'
        )


def _unet_architecture(unet: UNet2DConditionModel) -> dict[str, Any]:
    """Return the config entries that a U-Net's features depend on."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in unet.config.items()
        # The size of generated images is only a default.
        if not key.startswith('_') and key != 'sample_size'
    }
