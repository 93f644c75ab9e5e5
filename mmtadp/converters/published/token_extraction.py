"""Extract learned tokens from the embedding table of a checkpoint's text encoder."""

import functools
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from mmtadp.models.diffusion import clip_tokenizer
from mmtadp.utils.atomic_files import write_file
from mmtadp.utils.tensor_files import WeightsFile

from ..checkpoint_file import CheckpointError, check_free
from ..tensor_tracker import TensorTracker
from .layouts import find_layout

_TABLE = 'text_model.embeddings.token_embedding.weight'


def extract_learned_tokens(
    file: WeightsFile, names: Sequence[str], target: Path, overwrite: bool = False
) -> list[Path]:
    """Write the tokens that textual inversion added to a checkpoint's vocabulary as files.

    The published code appends the rows of such tokens to CLIP's table and does not save their
    names.

    Args:
        file (WeightsFile): The checkpoint.
        names (Sequence[str]): Their names in captions, such as '<night>', in order.
        target (Path): Path of the converted checkpoint; the files are next to it.
        overwrite (bool): Replace existing files.

    Returns:
        list[Path]: One ``.safetensors`` file per token, for ``learned_embeds``.

    Raises:
        CheckpointError: If the number of rows after CLIP's is not the number of names.
    """
    layout = find_layout(TensorTracker(file, ''), backbone_only=True)
    table = file.tensors.get(layout.text + _TABLE)
    known = len(clip_tokenizer())
    extra = 0 if table is None else len(table) - known
    if extra != len(names):
        found = 'no text encoder' if table is None else f'{len(table)} tokens, CLIP has {known}'
        raise CheckpointError(
            f'{file.path} has {found}: {len(names)} learned tokens were named ({list(names)}), '
            f'and {max(extra, 0)} found.'
        )
    paths = []
    for index, name in enumerate(names):
        number = f'_{index}' if index else ''
        path = target.with_name(f'{target.stem}_learned_embeds{number}.safetensors')
        check_free(path, overwrite)
        token = {name: table[known + index].float().clone()}
        write_file(path, functools.partial(save_file, token))
        paths.append(path)
    return paths
