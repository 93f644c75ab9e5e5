"""Load the caption of an image into its sample."""

import os
from collections.abc import Sequence
from logging import WARNING
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmtadp.captions import CaptionStore
from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.arguments import check_choice
from mmtadp.utils.errors import RunError


def is_power_of_ten(count: int) -> bool:
    """Return whether to warn at this count: at 1, 10, 100, ..., which show the extent."""
    return str(count).rstrip('0') == '1'


def check_caption(caption: Any) -> str:
    """Return a sample's caption.

    Raises:
        RunError: If it is not a string; a list would become its Python text.
    """
    if not isinstance(caption, str):
        raise RunError(
            f"results['caption'] is {caption!r:.80} ({type(caption).__name__}), not a string: a "
            'sample has one caption.'
        )
    return caption


class CaptionNotFoundError(RunError, LookupError):
    """An image of the dataset has no caption."""


@register_module(TRANSFORMS)
class CaptionLoadTransform(BaseTransform):
    """Load the caption of an image from caption files.

    The files are read when the transform is built, so that a bad one fails before training
    starts. ``docs/captions/format.md`` describes their formats; see
    :class:`~mmtadp.captions.CaptionStore` for how keys name images.

    Required Keys:

    - img_path (str)

    Added Keys:

    - caption (str): Reaches the model as a meta key: add it to the ``meta_keys`` of
      ``PackSegInputs`` or ``PackDetInputs``.

    Args:
        ann_file (str | PathLike | Sequence): Path of a caption file, or several paths; relative
            ones are relative to the working directory.
        key (str): Key policy: ``'stem'``, ``'filename'``, ``'relpath'``, or ``'auto'`` to decide
            for each file by its keys. Defaults to ``'auto'``.
        missing (str): For an image without a caption, ``'error'`` raises and ``'null'`` sets the
            empty caption, which is the null text, with a warning at the 1st, 10th, 100th, ...
            such sample of each dataloader worker. Blank captions in a file count as missing.
            Defaults to ``'error'``.
        select (str): Which of an image's captions to use: ``'first'``, or ``'random'`` (for
            training), drawn with NumPy's global generator, which mmengine seeds in each worker.
            Defaults to ``'first'``.

    Raises:
        FileNotFoundError: If a file does not exist.
        CaptionFileError: If a file cannot be used as it is, or holds a blank caption with
            ``missing='error'``.
        RunError: If an argument has a value that does not exist.
    """

    writes_caption = True

    def __init__(
        self,
        ann_file: str | os.PathLike | Sequence[str | os.PathLike],
        key: str = 'auto',
        missing: str = 'error',
        select: str = 'first',
    ):
        self.ann_file = ann_file
        self.key = key
        self.missing = check_choice('missing', missing, ('error', 'null'))
        self.select = check_choice('select', select, ('first', 'random'))
        self.store = CaptionStore.load(ann_file, key, allow_blank=missing == 'null')
        self._num_samples = self._num_missing = 0

    def transform(self, results: dict) -> dict:
        """Set ``results['caption']``.

        Args:
            results (dict): Sample with ``img_path``.

        Returns:
            dict: The same sample.

        Raises:
            RunError: If the sample is not a dict, or has no ``img_path``.
            CaptionNotFoundError: If ``missing='error'`` and the image has no caption.
        """
        if not isinstance(results, dict):
            raise RunError(
                f'CaptionLoadTransform got a {type(results).__name__} in place of a sample. The '
                'inferencers of mmseg and mmdet cannot pass captions: use '
                'mmtadp.apis.inference_model.'
            )
        img_path = results.get('img_path')
        if not isinstance(img_path, str | os.PathLike):
            raise RunError(
                "CaptionLoadTransform finds captions by results['img_path'], which is "
                f'{img_path!r} in this sample (it has: {", ".join(map(str, results))}). For an '
                "image that is not a file, set results['caption'] yourself and remove this "
                'transform.'
            )
        captions = self.store.find(img_path)
        self._num_samples += 1
        if not captions:
            results['caption'] = self._miss(img_path)
        elif self.select == 'random' and len(captions) > 1:
            results['caption'] = captions[np.random.randint(len(captions))]
        else:
            results['caption'] = captions[0]
        return results

    def _miss(self, img_path: str) -> str:
        self._num_missing += 1
        if self.missing == 'error':
            raise CaptionNotFoundError(
                f'{self.store.explain_miss(img_path)} Caption it (and any others), or set '
                "missing='null' in CaptionLoadTransform to use the empty caption for such images."
            )
        if is_power_of_ten(self._num_missing):
            print_log(
                f'CaptionLoadTransform: {self._num_missing:,} of {self._num_samples:,} samples of '
                "this process had no caption and use the empty one (missing='null'). Now: "
                f'{self.store.explain_miss(img_path)}',
                logger='current',
                level=WARNING,
            )
        return ''

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(ann_file={self.ann_file!r}, key={self.key!r}, '
            f'missing={self.missing!r}, select={self.select!r})'
        )
