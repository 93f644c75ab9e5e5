"""CLIP's tokenizer: of a model's own folder, or of mmsegmentation."""

import functools
import json
from pathlib import Path

from transformers import CLIPTextModel, CLIPTokenizer

from mmtadp.utils.dependencies import is_importable
from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import hub_folder
from mmtadp.utils.model_folders import describe_library_error, folder_content, read_model_json

MAX_LENGTH = 77
HUB_ID = 'openai/clip-vit-large-patch14'
# The first holds all that the two others hold.
TOKENIZER_FILES = ('tokenizer.json', 'vocab.json', 'merges.txt')


def clip_tokenizer() -> CLIPTokenizer:
    """Build CLIP's tokenizer from the byte-pair merges that mmseg ships.

    A single-file Stable Diffusion checkpoint holds no tokenizer. mmseg's own CLIP tokenizer
    reads ``bpe_simple_vocab_16e6.txt.gz``; its vocabulary gives the same ids as the tokenizer
    of ``openai/clip-vit-large-patch14``, which is fetched from the hub where mmseg is not
    installed.

    Returns:
        CLIPTokenizer: 49,408 tokens, padded with ``<|endoftext|>``, at most 77 per text.

    Raises:
        ConnectionError: If mmseg is not installed and the hub cannot be reached.
    """
    if not is_importable('mmseg'):
        return _from_hub()
    from mmseg.utils.tokenizer import SimpleTokenizer

    source = SimpleTokenizer(special_tokens=None)
    # mmseg names the two special tokens differently; ids and order are the same.
    renamed = {'<start_of_text>': '<|startoftext|>', '<end_of_text>': '<|endoftext|>'}
    vocab = {renamed.get(token, token): index for token, index in source.encoder.items()}
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.get)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=MAX_LENGTH)


def load_tokenizer(folder: Path, source: str) -> CLIPTokenizer:
    """Load the tokenizer of a pipeline; an incomplete folder is refused.

    transformers makes an empty vocabulary of files that are missing.

    Args:
        folder (Path): Its folder, with ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``.
        source (str): The argument that names it, for messages.

    Returns:
        CLIPTokenizer: With all tokens and merges of its files.

    Raises:
        RunError: If files are missing, damaged, or belong to different tokenizers.
    """
    whole, parts = TOKENIZER_FILES[0], TOKENIZER_FILES[1:]
    missing = [name for name in parts if not (folder / name).is_file()]
    if not (folder / whole).is_file() and missing:
        held = folder_content(folder) if folder.is_dir() else 'nothing'
        raise RunError(
            f'{source}: the tokenizer lacks {" and ".join(missing)}: {folder} holds {held}. '
            'Download or copy the whole folder.'
        )
    for path in sorted(folder.glob('*.json')):
        read_model_json(path, f'{source}: tokenizer')
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = json.loads(tokenizer.backend_tokenizer.to_str())['model']
    except Exception as error:  # of two libraries, one of them in Rust
        raise RunError(
            f'{source}: the tokenizer in {folder} cannot be loaded: '
            f'{describe_library_error(error)}. Download or copy the whole folder again.'
        ) from error
    _check_complete(tokenizer, model, folder, source)
    return tokenizer


def _check_complete(tokenizer: CLIPTokenizer, model: dict, folder: Path, source: str) -> None:
    """Refuse a vocabulary without its end of text, or with tokens that no merge makes."""
    merges = (pair if isinstance(pair, list) else pair.split(' ') for pair in model['merges'])
    made = set(map(''.join, merges)) | tokenizer.get_added_vocab().keys()
    # Tokens that are not made of others: one character, with or without the end of a word.
    lost = [t for t in model['vocab'] if t not in made and len(t.removesuffix('</w>')) > 1]
    lost = [t for t in lost if not (t.startswith('<') and t.endswith('>'))]
    if len(model['vocab']) < 3 or tokenizer.eos_token_id is None:
        problem = f'has a vocabulary of {len(model["vocab"])} tokens'
    elif lost:
        problem = f'lacks the merges of {len(lost):,} of its tokens, such as {lost[0]!r}'
    else:
        return
    raise RunError(
        f'{source}: the tokenizer in {folder} is incomplete: it {problem}. Download or copy the '
        'whole folder again.'
    )


def check_vocabulary(
    tokenizer: 'CLIPTokenizer | DeferredTokenizer', text_model: CLIPTextModel, source: str
) -> None:
    """Refuse a tokenizer with ids that the text model has no embedding for.

    Args:
        tokenizer (CLIPTokenizer): The tokenizer. Its greatest length becomes the text model's if
            its files have none.
        text_model (CLIPTextModel): The text model.
        source (str): The argument that names them, for messages.

    Raises:
        RunError: If the text model has fewer rows than the tokenizer has tokens.
    """
    if isinstance(tokenizer, DeferredTokenizer):
        return
    rows = text_model.config.vocab_size
    if len(tokenizer) > rows:
        raise RunError(
            f'{source}: the tokenizer has {len(tokenizer):,} tokens and the text encoder '
            f'embeddings of {rows:,}. Take both from one model.'
        )
    length = text_model.config.max_position_embeddings
    tokenizer.model_max_length = min(tokenizer.model_max_length, length)


def count_clip_tokens(texts: list[str]) -> list[int]:
    """Return the length of each text in CLIP's tokens, start and end of text included."""
    if not texts:
        return []
    encoded = _tokenizer_for_counting()(texts, truncation=False, verbose=False)
    return list(map(len, encoded['input_ids']))


@functools.cache
def _tokenizer_for_counting() -> CLIPTokenizer:
    return clip_tokenizer()


def _from_hub() -> CLIPTokenizer:
    wanted = list(TOKENIZER_FILES[1:])
    try:
        folder, _ = hub_folder(HUB_ID, HUB_ID, lambda names: wanted, wanted[0], "pretrained='DIR'")
        tokenizer = load_tokenizer(folder, HUB_ID)
    except (ConnectionError, RunError) as error:
        raise ConnectionError(
            f"CLIP's vocabulary is in mmsegmentation, which is not installed, and in {HUB_ID}: "
            f'{error} Install mmsegmentation, or set `pretrained` to a diffusers folder, which '
            'has its own tokenizer.'
        ) from error
    tokenizer.model_max_length = MAX_LENGTH
    return tokenizer


class DeferredTokenizer:
    """CLIP's tokenizer, built when it is first used.

    A model whose weights come from a checkpoint can then be built where CLIP's vocabulary cannot
    be found.
    """

    def __init__(self) -> None:
        self._tokenizer = None

    def _build(self) -> CLIPTokenizer:
        if self._tokenizer is None:
            self._tokenizer = clip_tokenizer()
        return self._tokenizer

    def __call__(self, *args, **kwargs):
        return self._build()(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._build())

    def __getattr__(self, name: str):
        # Copying and pickling look for methods before there is a tokenizer.
        if name.startswith('__') or name == '_tokenizer':
            raise AttributeError(name)
        return getattr(self._build(), name)
