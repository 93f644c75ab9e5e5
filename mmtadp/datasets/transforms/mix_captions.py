"""Join the captions of images that an augmentation mixes."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS

from mmtadp.models.diffusion.tokenizer import MAX_LENGTH, count_clip_tokens
from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.arguments import check_int
from mmtadp.utils.errors import RunError

_INDICES = ('get_indexes', 'get_indices')  # of mmdet, of mmseg
_SENTENCE_END = re.compile(r'(?<=[.!?])\s+')


@register_module(TRANSFORMS)
class MixCaptions(BaseTransform):
    """Mix images with another transform, and join their captions.

    ``Mosaic``, ``MixUp``, ``CopyPaste`` and mmseg's ``RandomMosaic`` keep the caption of the first
    image, although the mixed image shows several. This transform holds the mixing one, in its
    place in the pipeline:

    .. code-block:: python

        dict(type='mmtadp.MixCaptions', mixing=dict(type='Mosaic', img_scale=(640, 640)))

    It is not a transform after the mixing, because upstream removes the other images directly
    after the transform that mixes. The caption is then the first sentence of each image's caption,
    the image itself first and the others in the order of the mixing, without repetitions and
    without empty captions. Where the sentences have more than ``max_tokens`` tokens, the longest
    ones lose words at their ends. If the mixing leaves an image as it is, by chance or because
    there is nothing to mix, its caption stays.

    All images that are mixed are named, also those of which a later crop leaves nothing. To name
    what is visible only, use :class:`OracleCaptionTransform` after the crop. Put
    :class:`DomainModifier` after this transform. A hook that skips transforms by the name of their
    type, such as mmdet's ``YOLOXModeSwitchHook``, needs ``'mmtadp.MixCaptions'`` among its names.

    Required Keys:

    - caption (str): Of each image: load it in the pipeline of the images that are mixed.
    - mix_results (list[dict]): From ``MultiImageMixDataset``; ``CachedMosaic`` and
      ``CachedMixUp`` keep their own.

    Modified Keys:

    - caption (str)
    - The keys of ``mixing``.

    Args:
        mixing (dict | BaseTransform): The transform that mixes, or its config.
        max_tokens (int): Tokens of the caption in CLIP's tokenizer, start and end of text
            included. Defaults to 77.

    Raises:
        ValueError: If ``mixing`` does not choose other images, or ``max_tokens`` is below 3.
    """

    writes_caption = True

    def __init__(self, mixing: dict | BaseTransform, max_tokens: int = MAX_LENGTH):
        self.max_tokens = check_int('max_tokens', max_tokens, minimum=3)
        # From the root registry, which looks in the config's default scope.
        self.mixing = ROOT_TRANSFORMS.build(mixing) if isinstance(mixing, dict) else mixing
        if not any(hasattr(self.mixing, name) for name in _INDICES):
            raise ValueError(
                f'mixing={type(self.mixing).__name__}: expected a transform that mixes images, '
                'such as Mosaic, MixUp, CopyPaste or RandomMosaic'
            )
        _count('')  # Builds the tokenizer, before workers are forked.

    def __getattr__(self, name: str) -> Any:
        """Return ``get_indexes`` or ``get_indices`` of the mixing transform.

        ``MultiImageMixDataset`` asks the transforms that have one of these for the other images.
        """
        if name in _INDICES and 'mixing' in self.__dict__:
            return getattr(self.mixing, name)
        raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')

    def transform(self, results: dict) -> dict | None:
        """Mix, and set ``results['caption']``.

        Args:
            results (dict): Sample with ``caption``, and the keys that the mixing transform reads.

        Returns:
            dict | None: The mixed sample; None if the mixing transform returns it.

        Raises:
            RunError: If one of the images has no caption.
        """
        own, image, others = results.get('caption'), results.get('img'), []
        with self._remember_cached(others):
            mixed = self.mixing(results)
        others = [*results.get('mix_results', ()), *others]
        # A transform that did not mix returns the image itself.
        if mixed is None or mixed.get('img') is image:
            return mixed
        captions = [own, *(other.get('caption') for other in others)]
        if not all(isinstance(caption, str) for caption in captions):
            raise RunError(
                f"MixCaptions joins results['caption'] of {len(captions)} images, which one of "
                'them lacks. Put CaptionLoadTransform into the pipeline of the images that are '
                f'mixed, before {type(self.mixing).__name__}.'
            )
        mixed['caption'] = join_captions(captions, _count, self.max_tokens)
        return mixed

    @contextmanager
    def _remember_cached(self, others: list[dict]) -> Iterator[None]:
        """Add the images that the mixing transform takes from its own cache to ``others``."""
        if not hasattr(self.mixing, 'results_cache'):
            yield
            return
        choose = self.mixing.get_indexes

        def remember(cache: Sequence[dict]) -> Any:
            chosen = choose(cache)
            indices = chosen if isinstance(chosen, list | tuple) else [chosen]
            others.extend(cache[index] for index in indices)
            return chosen

        self.mixing.get_indexes = remember
        try:
            yield
        finally:
            del self.mixing.get_indexes

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(mixing={self.mixing}, max_tokens={self.max_tokens})'


def _count(text: str) -> int:
    return count_clip_tokens([text])[0]


def join_captions(captions: Sequence[str], count: Callable[[str], int], max_tokens: int) -> str:
    """Return the first sentence of each caption as one text of at most ``max_tokens`` tokens.

    Args:
        captions (Sequence[str]): Repeated and empty ones are left out.
        count (Callable): From a text to its number of tokens.
        max_tokens (int): The longest sentences lose words at their ends until the text has no
            more.
    """
    sentences = [_SENTENCE_END.split(caption.strip())[0].rstrip(' .!?') for caption in captions]
    words = [sentence.split() for sentence in dict.fromkeys(filter(None, sentences))]
    if not words:
        return ''

    def text() -> str:
        return '. '.join(map(' '.join, filter(None, words)))

    # A word has at least one token; so much is clear without the tokenizer.
    while sum(map(len, words)) > max_tokens:
        max(words, key=len).pop()
    while count(text()) > max_tokens:
        max(words, key=len).pop()
    return text()
