"""A U-Net that takes the place of a pipeline's own, such as one that DreamBooth has trained."""

from pathlib import Path
from typing import Any, Dict

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from .single_file import PREFIXES, compvis_unet, read_single_file
from .strict import load_strictly

_WEIGHTS = (
    'diffusion_pytorch_model.safetensors',
    'diffusion_pytorch_model.bin',
    'diffusion_pytorch_model.fp16.safetensors',
)


def load_unet(unet: UNet2DConditionModel, source: str) -> None:
    """Loads the weights of another U-Net of the same architecture.

    Args:
        unet (UNet2DConditionModel): The pipeline's U-Net; its weights are replaced.
        source (str): A diffusers folder of a U-Net (``config.json`` and weights), the folder of a
            pipeline (its ``unet`` is taken), or a single ``.safetensors`` or ``.ckpt`` file in
            CompVis layout (its U-Net is taken).

    Raises:
        FileNotFoundError: If ``source`` does not exist.
        ValueError: If it holds no U-Net, or one of another architecture.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"unet='{source}' does not exist (looked at {path.absolute()}). It should be the unet "
            'folder that DreamBooth has saved, the folder of its pipeline, or a single '
            '.safetensors or .ckpt file in CompVis layout.'
        )
    read = _from_folder if path.is_dir() else _from_single_file
    load_strictly(f"unet='{source}'", 'unet', unet, read(path, unet))


def _from_folder(path: Path, unet: UNet2DConditionModel) -> Dict[str, Tensor]:
    folder = path / 'unet' if (path / 'unet' / 'config.json').is_file() else path
    weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if not (folder / 'config.json').is_file() or not weights:
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise ValueError(
            f"unet='{path}' is no U-Net of diffusers: {folder} should hold config.json and "
            f'{_WEIGHTS[0]} (or .bin), and holds {found or "nothing"}.'
        )
    _check_architecture(folder, unet)
    return read_single_file(weights[0], argument='unet')


def _check_architecture(folder: Path, unet: UNet2DConditionModel) -> None:
    config = UNet2DConditionModel.load_config(folder)
    # Only a built model knows the values that its config leaves out.
    with torch.device('meta'):
        theirs = _architecture(UNet2DConditionModel.from_config(config))
    ours = _architecture(unet)
    different = [
        f'{key} is {theirs.get(key)!r} in {folder / "config.json"} and {ours.get(key)!r} in '
        '`pretrained`'
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]
    if different:
        raise ValueError(
            f"unet='{folder}' has another architecture: {'; '.join(different)}. DreamBooth keeps "
            'the architecture: set `pretrained` to the model that it started from.'
        )


def _architecture(unet: UNet2DConditionModel) -> Dict[str, Any]:
    """Config entries that a U-Net's features depend on."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in unet.config.items()
        # The size that images are generated in is a default only.
        if not key.startswith('_') and key != 'sample_size'
    }


def _from_single_file(path: Path, unet: UNet2DConditionModel) -> Dict[str, Tensor]:
    if path.suffix not in ('.safetensors', '.ckpt'):
        raise ValueError(f"unet='{path}' should be a folder, a .safetensors or a .ckpt file.")
    checkpoint = read_single_file(path, argument='unet')
    if not any(key.startswith(PREFIXES['unet']) for key in checkpoint):
        example = next(iter(checkpoint), 'nothing')
        raise ValueError(
            f"unet='{path}' has no U-Net in CompVis layout: no key begins with "
            f"'{PREFIXES['unet']}' (the file holds {len(checkpoint)} keys, e.g. '{example}'). Of "
            'a U-Net of diffusers, name the folder, in which its config.json is too.'
        )
    return compvis_unet(checkpoint, f"unet='{path}'", dict(unet.config))
