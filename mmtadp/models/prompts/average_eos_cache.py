"""Average EOS embeddings of class names, cached on disk."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import List, Sequence

import torch
from mmengine.logging import print_log
from mmengine.utils import track_iter_progress
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..diffusion import TextEncoder

# The length that VPD pads a template to, in tokens.
MAX_LENGTH = 20


def templates() -> List[str]:
    """The 80 prompt templates that CLIP uses for ImageNet."""
    from mmseg.utils import get_predefined_templates

    return get_predefined_templates('imagenet')


def average_eos(encoder: TextEncoder, class_names: Sequence[str]) -> Tensor:
    """Mean over 80 templates of the embedding at the EOS token, per class (paper, Sec. 3).

    Args:
        encoder (TextEncoder): The text encoder; its pooled output is neither projected nor
            normalised.
        class_names (Sequence[str]): C class names.

    Returns:
        Tensor: (C, D), in the order of ``class_names``.
    """
    means = [
        encoder.pooled([template.format(name) for template in templates()], MAX_LENGTH).mean(dim=0)
        for name in track_iter_progress(list(class_names))
    ]
    return torch.stack(means)


def cache_folder() -> Path:
    """Where embeddings are cached: ``$MMTADP_CACHE``, by default ``~/.cache/mmtadp``."""
    return Path(os.environ.get('MMTADP_CACHE', '~/.cache/mmtadp')).expanduser()


def cached_average_eos(encoder: TextEncoder, class_names: Sequence[str]) -> Tensor:
    """:func:`average_eos`, computed once per text encoder and list of class names.

    Args:
        encoder (TextEncoder): The text encoder.
        class_names (Sequence[str]): C class names.

    Returns:
        Tensor: (C, D) in host memory.
    """
    path = cached_file(encoder, class_names)
    if path.is_file():
        return load_file(path)['embeddings']
    print_log(
        f'averaging EOS embeddings of {len(class_names)} classes over {len(templates())} '
        f'templates; done once, kept in {path}',
        logger='current',
    )
    embeddings = average_eos(encoder, class_names).contiguous().cpu()
    save_class_embeddings(path, embeddings, class_names)
    return embeddings


def cached_file(encoder: TextEncoder, class_names: Sequence[str]) -> Path:
    """Where :func:`cached_average_eos` keeps these classes' embeddings by this encoder."""
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


def save_class_embeddings(path: Path, embeddings: Tensor, class_names: Sequence[str]) -> None:
    """Writes embeddings and what they are of to a safetensors file, at once or not at all.

    Args:
        path (Path): The file.
        embeddings (Tensor): (C, D).
        class_names (Sequence[str]): C class names.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = dict(kind='average_eos', class_names=json.dumps(list(class_names)))
    # Each process of a distributed run may write it: same content, and replacing is atomic.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = file.name
    save_file({'embeddings': embeddings}, temporary, metadata)
    os.replace(temporary, path)
