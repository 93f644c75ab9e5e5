"""Average EOS embeddings of class names, cached on disk."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from mmengine.utils import track_iter_progress
from torch import Tensor

from mmtadp.utils.dependencies import is_importable
from mmtadp.utils.errors import RunError, describe_os_error

from ..diffusion import TextEncoder
from .embedding_files import AVERAGE_EOS, fitting_embeddings, save_embeddings

# VPD pads a template to this length, in tokens.
MAX_LENGTH = 20


def templates() -> list[str]:
    """Return the 80 prompt templates that CLIP uses for ImageNet.

    Raises:
        ImportError: If mmsegmentation, which ships them, is not installed.
    """
    if not is_importable('mmseg'):
        raise ImportError(
            "The average EOS embeddings are means over CLIP's 80 templates, which mmsegmentation "
            'ships: install it, or set `embeddings` to a file of tools/misc/class_embeddings.py.'
        )
    from mmseg.utils import get_predefined_templates

    return get_predefined_templates('imagenet')


def average_eos(
    encoder: TextEncoder,
    class_names: Sequence[str],
    sentences: Sequence[str] | None = None,
    batch_size: int = 80,
) -> Tensor:
    """Return the mean EOS embedding over 80 templates, per class (paper, Sec. 3).

    Args:
        encoder (TextEncoder): The text encoder; its pooled output is neither projected nor
            normalised.
        class_names (Sequence[str]): C class names.
        sentences (Sequence[str], optional): Templates to use instead of CLIP's 80, with ``{}``
            for the name.
        batch_size (int): Number of texts encoded at a time.

    Returns:
        Tensor: (C, D), in the order of ``class_names``.
    """
    sentences = list(sentences or templates())
    texts = [sentence.format(name) for name in class_names for sentence in sentences]
    _warn_truncated(encoder, class_names, texts)
    starts = range(0, len(texts), batch_size)
    pooled = [
        encoder.pooled(texts[start : start + batch_size], MAX_LENGTH)
        for start in track_iter_progress(list(starts))
    ]
    return torch.cat(pooled).unflatten(0, (len(class_names), len(sentences))).mean(dim=1)


def _warn_truncated(
    encoder: TextEncoder, class_names: Sequence[str], texts: Sequence[str]
) -> None:
    """Log which names are cut, and which of these become equal."""
    rows = [tuple(ids) for ids in encoder.token_ids(texts)]
    per_name = len(texts) // len(class_names)
    cut: dict[str, int] = {}
    equal: dict[tuple, list[str]] = {}
    for index, name in enumerate(class_names):
        own = rows[index * per_name : (index + 1) * per_name]
        count = sum(len(row) > MAX_LENGTH for row in own)
        if count:
            cut[name] = count
            equal.setdefault(tuple(row[: MAX_LENGTH - 1] for row in own), []).append(name)
    if cut:
        worst = sorted(cut, key=cut.get, reverse=True)
        shown = ', '.join(f'{name!r} ({cut[name]})' for name in worst[:5])
        more = f' and {len(worst) - 5} more' if len(worst) > 5 else ''
        print_log(
            f'{len(cut)} class names are cut, as a template with its name has at most '
            f'{MAX_LENGTH} tokens (in brackets in how many of {per_name} templates): '
            f'{shown}{more}',
            logger='current',
            level=logging.WARNING,
        )
    for names in equal.values():
        if len(names) > 1:
            print_log(
                f'the class names {", ".join(map(repr, names))} get equal embeddings, as they '
                f'differ only after {MAX_LENGTH} tokens. Shorten them.',
                logger='current',
                level=logging.WARNING,
            )


def cache_folder() -> Path:
    """Return the cache folder: ``$MMTADP_CACHE``, by default ``~/.cache/mmtadp``."""
    folder = Path(os.environ.get('MMTADP_CACHE') or '~/.cache/mmtadp')
    try:
        return folder.expanduser()
    except RuntimeError:  # a user without a home, as in some containers
        return Path(tempfile.gettempdir()) / f'mmtadp-{os.getuid()}'


def cached_average_eos(encoder: TextEncoder, class_names: Sequence[str]) -> Tensor:
    """Return :func:`average_eos`, computed once per text encoder and list of class names.

    Args:
        encoder (TextEncoder): The text encoder.
        class_names (Sequence[str]): C class names.

    Returns:
        Tensor: (C, D) on the CPU.
    """
    path = cached_file(encoder, class_names)
    embeddings = _read_cache(path, class_names, encoder.hidden_size)
    if embeddings is not None:
        texts = [sentence.format(name) for name in class_names for sentence in templates()]
        _warn_truncated(encoder, class_names, texts)
        return embeddings
    print_log(
        f'averaging EOS embeddings of {len(class_names)} classes over {len(templates())} '
        f'templates; computed once, cached in {path}',
        logger='current',
    )
    embeddings = average_eos(encoder, class_names).contiguous().cpu()
    try:
        save_embeddings(path, embeddings, AVERAGE_EOS, class_names)
    except OSError as error:
        _warn(f'{path} cannot be written, so they are computed again next time', error)
    return embeddings


def _read_cache(path: Path, class_names: Sequence[str], width: int) -> Tensor | None:
    """Return the embeddings in a cache file; None if there is none, or none that can be used."""
    try:
        if not path.exists():
            return None
        return fitting_embeddings(path, AVERAGE_EOS, class_names, (len(class_names), width))
    except (OSError, RunError) as error:
        _warn(f'{path} cannot be read and is made again', error)
    return None


def _warn(problem: str, error: Exception) -> None:
    reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
    print_log(
        f'cache of class embeddings: {problem} ({reason.rstrip(".")}). $MMTADP_CACHE sets its '
        'folder.',
        logger='current',
        level=logging.WARNING,
    )


def cached_file(encoder: TextEncoder, class_names: Sequence[str]) -> Path:
    """Return the file in which :func:`cached_average_eos` caches these embeddings."""
    digest = hashlib.sha256()
    digest.update(json.dumps([list(class_names), templates(), MAX_LENGTH]).encode())
    digest.update(json.dumps(encoder.tokenizer(list(class_names)).input_ids).encode())
    digest.update(encoder.model.config.hidden_act.encode())
    digest.update(str(encoder.model.config.num_attention_heads).encode())
    for name, tensor in encoder.model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    folder = cache_folder() / 'class_embeddings'
    return folder / f'average_eos-{digest.hexdigest()[:16]}.safetensors'
