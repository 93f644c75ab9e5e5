"""Write a converted checkpoint and its config."""

import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from mmtadp.utils.atomic_files import write_file, write_text

from ..checkpoint_file import check_free
from .convert import Conversion


def write_conversion(
    conversion: Conversion,
    base: Path,
    target: Path,
    options: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a checkpoint, and next to it its config.

    Args:
        conversion (Conversion): The result of :func:`convert_published`.
        base (Path): The config it was converted for; the new one inherits from it.
        target (Path): The checkpoint, a ``.pth`` file; the config has the suffix ``.py``.
        options (dict[str, Any], optional): Overrides by dotted key that ``base`` was read with.
        overwrite (bool): Replace existing files.

    Returns:
        Path: The config.

    Raises:
        CheckpointError: If a file exists and ``overwrite`` is False.
    """
    path = Path(target).with_suffix('.py')
    for file in (path, target):
        check_free(file, overwrite)
    text = config_text(conversion, base, path, options)
    write_file(target, lambda new: torch.save(conversion.checkpoint, new))
    write_text(path, text)
    return path


def config_text(
    conversion: Conversion, base: Path, path: Path, options: dict[str, Any] | None = None
) -> str:
    """Return a config that inherits from ``base`` and has the checkpoint's settings.

    Args:
        conversion (Conversion): The conversion.
        base (Path): The config it was made for.
        path (Path): Where the new one will be.
        options (dict[str, Any], optional): As in :func:`write_conversion`.

    Returns:
        str: Its text.
    """
    differences = Config(dict())
    differences.merge_from_dict(options or {})
    differences.merge_from_dict(dict(model=conversion.overrides))
    if not differences.model:
        differences.pop('model')
    source = conversion.checkpoint['meta']['converted_from']
    lines = [f'# For the weights of {source}, a published checkpoint ({conversion.layout.name}).']
    lines += [f'# {line}' for line in conversion.settings.lines()]
    if conversion.settings.latent_scaling:
        lines.append(
            '# The published code draws scaled latents from their posterior; here they are its '
            "mean, unless latent_sampling='sample'."
        )
    relative = os.path.relpath(Path(base).absolute(), path.absolute().parent)
    lines.append(f'_base_ = {Path(relative).as_posix()!r}')
    return '\n'.join(lines) + '\n' + differences.pretty_text
