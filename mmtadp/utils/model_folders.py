"""Read models from folders of diffusers and transformers: one rule for all readers."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn

from .file_kinds import SAFETENSORS, Problem, describe_text, tensor_format
from .tensor_files import TensorFileError, check_finite, explain_unreadable, read_tensors

CONFIG = 'config.json'
_ADVICE = 'Use the .safetensors files of the model'
_STEMS = ('diffusion_pytorch_model', 'model', 'pytorch_model')
_SINGLE = re.compile(rf'({"|".join(_STEMS)})(?:\.(\w+))?\.(safetensors|bin)')
_INDEX = re.compile(
    rf'({"|".join(_STEMS)})(?:\.(\w+))?\.(safetensors|bin)\.index(?:\.(\w+))?\.json'
)
_SHARD = re.compile(r'[-.]\d{5}-of-\d{5}')
# Of several variants the first; others after them, by name.
_VARIANTS = (None, 'fp32', 'fp16', 'bf16')
_MAX_SHOWN = 8


@dataclass(frozen=True)
class WeightFiles:
    """The files of a model's weights.

    Attributes:
        names (tuple[str, ...]): Names of the file, or of all shards.
        index (str, optional): Name of the file that lists the shards.
        variant (str, optional): Such as 'fp16', for files such as 'model.fp16.safetensors'.
        safetensors (bool): False for files of ``torch.save``.
    """

    names: tuple[str, ...]
    index: str | None
    variant: str | None
    safetensors: bool


def choose_weights(names: Iterable[str]) -> WeightFiles | None:
    """Return which of the files in a folder hold the weights of its model.

    Full precision comes before half, ``.safetensors`` before ``.bin``; a variant is taken where
    there is nothing else.

    Args:
        names (Iterable[str]): Names of all files in the folder.

    Returns:
        WeightFiles, optional: None if there are none.
    """
    names = sorted(names)
    found = []
    for name in names:
        if match := _SINGLE.fullmatch(name):
            found.append((match[1], match[2], match[3], None, (name,)))
        elif match := _INDEX.fullmatch(name):
            stem, variant, suffix = match[1], match[2] or match[4], match[3]
            shards = (n for n in names if _is_shard(n, stem, variant, suffix))
            found.append((stem, variant, suffix, name, tuple(shards)))
    if not found:
        return None
    _, variant, suffix, index, files = min(found, key=_rank)
    return WeightFiles(files, index, variant, suffix == 'safetensors')


def _is_shard(name: str, stem: str, variant: str | None, suffix: str) -> bool:
    rest = _SHARD.sub('', name)
    return rest != name and rest == '.'.join(filter(None, (stem, variant, suffix)))


def _rank(found: tuple) -> tuple:
    stem, variant, suffix, index, _ = found
    known = _VARIANTS.index(variant) if variant in _VARIANTS else len(_VARIANTS)
    # Where both are there, diffusers reads the shards, transformers the single file.
    sharded = index is not None
    return known, variant or '', suffix != 'safetensors', sharded != stem.startswith('diffusion')


def find_weights(folder: Path, source: str, part: str) -> WeightFiles:
    """Return the files of a local folder's weights, all of them there and of their kind.

    Args:
        folder (Path): The folder.
        source (str): The argument that names it, for messages.
        part (str): What it should hold, such as 'unet', for messages.

    Raises:
        TensorFileError: If there are none, a shard is missing, or a file is not what its suffix
            says.
    """
    weights = choose_weights(entry.name for entry in folder.iterdir())
    if weights is None:
        raise TensorFileError(
            f'{source}: {folder} has no weights of the {part}: it should hold '
            f'{_STEMS[0]}.safetensors or model.safetensors (or .bin), and holds '
            f'{folder_content(folder)}. Download or copy the whole folder.'
        )
    names = weights.names
    if weights.index is not None:
        names = _listed_shards(folder / weights.index, source, part)
    for name in names:
        _check_kind(folder / name, weights.safetensors, source, part)
    return WeightFiles(tuple(names), weights.index, weights.variant, weights.safetensors)


def _listed_shards(index: Path, source: str, part: str) -> list[str]:
    content = read_model_json(index, f'{source}: {part}')
    table = content.get('weight_map') if isinstance(content, dict) else None
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise TensorFileError(
            f'{source}: {part}: {index} does not list shards in its weight_map. Download or copy '
            'it again.'
        )
    names = sorted(set(table.values()))
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise TensorFileError(f'{source}: {part}: {index} names {outside[0]!r}, not a file in it.')
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise TensorFileError(
            f'{source}: the {part} lacks {len(missing)} of the {len(names)} shards that '
            f'{index} lists: {", ".join(missing[:_MAX_SHOWN])}. Download or copy them into '
            f'{index.parent}.'
        )
    return names


def _check_kind(path: Path, safetensors: bool, source: str, part: str) -> None:
    found = tensor_format(path)
    if isinstance(found, Problem):
        raise TensorFileError(f'{source}: {part}: {path} {found.what}. {found.remedy}.')
    if (found == SAFETENSORS) != safetensors:
        suffix = '.safetensors' if found == SAFETENSORS else '.bin'
        raise TensorFileError(
            f'{source}: {part}: {path} is a {found} file by its content. Give it the suffix '
            f'{suffix}, or download it again.'
        )


def folder_content(folder: Path) -> list[str] | str:
    """Return some names of a folder's entries, or 'nothing', for messages."""
    return sorted(entry.name for entry in folder.iterdir())[:_MAX_SHOWN] or 'nothing'


def read_model_json(path: Path, source: str) -> Any:
    """Read a JSON file of a model's folder.

    Args:
        path (Path): The file.
        source (str): What it belongs to, for messages.

    Raises:
        TensorFileError: If it is missing or damaged.
        OSError: If it cannot be opened.
    """
    if not path.is_file():
        raise TensorFileError(f'{source} lacks {path}. Download or copy the whole folder.')
    content = path.read_bytes()
    if not content.strip():
        raise TensorFileError(f'{source}: {path} is empty. Download or copy it again.')
    try:
        return json.loads(content.decode('utf-8-sig'))
    except (ValueError, RecursionError) as error:
        problem = describe_text(content[:512], len(content))
        what = f'is not JSON ({error})'
        if problem is not None and 'JSON' not in problem.what and 'weights' not in problem.what:
            what = problem.what
        remedy = 'Download or copy it again' if problem is None else problem.remedy
        raise TensorFileError(f'{source}: {path} {what}. {remedy}.') from error


def read_model_config(folder: Path, source: str, part: str, classes: Sequence[str] = ()) -> dict:
    """Read a model's ``config.json``.

    Args:
        folder (Path): The folder of the model.
        source (str): The argument that names it, for messages.
        part (str): What it should hold, such as 'unet', for messages.
        classes (Sequence[str]): The classes that are read; a config that names none may be any.

    Returns:
        dict: Its entries.

    Raises:
        TensorFileError: If it is missing or damaged, or of another class.
    """
    path = folder / CONFIG
    config = read_model_json(path, f'{source}: {part}')
    if not isinstance(config, dict):
        raise TensorFileError(f'{source}: {part}: {path} should be a JSON object.')
    named = config.get('_class_name') or config.get('architectures') or []
    named = [named] if isinstance(named, str) else named
    if classes and named and not set(named) & set(classes):
        raise TensorFileError(
            f'{source}: the {part} is a {named[0]} (by {path}), not a {classes[0]}: '
            'it belongs to another kind of model than Stable Diffusion 1.x or 2.x.'
        )
    return config


def load_part(
    cls: Any, folder: Path, source: str, part: str, strict: bool = False, **kwargs
) -> nn.Module:
    """Load a model of diffusers or transformers from a local folder, never its code.

    Args:
        cls (type): The class, or an ``Auto`` class of transformers.
        folder (Path): Its folder, with ``config.json`` and weights: in ``.safetensors`` or
            ``.bin``, in one file or in shards, in full precision or only in a variant such as
            ``fp16``.
        source (str): The argument that names it, for messages.
        part (str): What it is, such as 'unet', for messages.
        strict (bool): Refuse weights that the model has no place for. Published folders carry
            buffers that newer versions no longer have.
        kwargs: Other arguments of ``from_pretrained``, such as its precision.

    Returns:
        nn.Module: The model.

    Raises:
        TensorFileError: If a file is missing or cannot be read, or weights are missing,
            unexpected, of another shape, or not finite.
    """
    weights = find_weights(folder, source, part)
    if weights.variant is not None:
        message = f'{source}: the {part} has its weights only as {weights.variant}; they are read'
        print_log(message, logger='current')
    try:
        model, info = cls.from_pretrained(
            str(folder),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            variant=weights.variant,
            use_safetensors=weights.safetensors,
            local_files_only=True,
            **kwargs,
        )
    except Exception as error:  # each library has errors of its own
        raise TensorFileError(_why_not(folder, weights, source, part, error)) from error
    _check_keys(model, info, source, part, strict)
    # Weights in 8 bits are not the file's own.
    if 'quantization_config' not in kwargs:
        check_finite(f'{source}: {part} ({folder})', model.state_dict())
    return model


def _why_not(folder: Path, weights: WeightFiles, source: str, part: str, error: Exception) -> str:
    """Return which file was at fault, by reading each of them."""
    for name in weights.names:
        try:
            read_tensors(folder / name, part, _ADVICE, mmap=True)
        except TensorFileError as problem:
            reason = explain_unreadable(folder / name, problem.__cause__, _ADVICE)
            return f'{source}: {part}: {folder / name} {reason}'
    reason = describe_library_error(error)
    return f'{source}: the {part} in {folder} cannot be loaded: {reason}.'


def describe_library_error(error: Exception) -> str:
    """Return the first line of an error of diffusers or transformers, without a full stop.

    Their advice to run the code of a folder is not passed on.
    """
    if 'trust_remote_code' in str(error):
        return (
            'it needs Python code of its own, which mmtadp never runs. Take a model whose class '
            'the library has'
        )
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip('.')


def _check_keys(model: nn.Module, info: dict, source: str, part: str, strict: bool) -> None:
    missing = sorted(info['missing_keys'])
    unexpected = sorted(info['unexpected_keys'])
    if missing or (strict and unexpected):
        raise TensorFileError(
            f'{source}: the weights of the {part} do not fit its config: {len(missing)} missing '
            f'(e.g. {missing[:2]}), {len(unexpected)} unexpected (e.g. {unexpected[:2]}).'
        )
    wrong = sorted(info['mismatched_keys'])
    if wrong:
        key, theirs, ours = wrong[0]
        raise TensorFileError(
            f'{source}: {len(wrong)} tensors of the {part} do not fit the architecture, e.g. '
            f"'{key}' is {tuple(theirs)} in the file and {tuple(ours)} by {CONFIG}. Are the "
            'weights and the config of one model?'
        )
