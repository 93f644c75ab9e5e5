"""CLIP's tokenizer for models that have none of their own."""

import functools

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from transformers import CLIPTokenizer

from mmtadp.utils.dependencies import is_importable

MAX_LENGTH = 77
HUB_ID = 'openai/clip-vit-large-patch14'


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
    # Not by transformers itself: of files that it cannot fetch it makes an empty vocabulary.
    try:
        folder = snapshot_download(HUB_ID, allow_patterns=['vocab.json', 'merges.txt'])
    except (OSError, HfHubHTTPError) as error:
        raise ConnectionError(
            f"CLIP's vocabulary is in mmsegmentation, which is not installed, and in {HUB_ID}, "
            f'which cannot be fetched from the hub ({str(error).splitlines()[0]}). Install '
            'mmsegmentation, or set `pretrained` to a diffusers folder, which has its own '
            'tokenizer.'
        ) from error
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_LENGTH)
    if len(tokenizer) != 49408:
        raise ConnectionError(
            f"{folder} of the hub's {HUB_ID} is incomplete: it has {len(tokenizer)} of 49,408 "
            'tokens. Remove it, or install mmsegmentation, which has the vocabulary.'
        )
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
