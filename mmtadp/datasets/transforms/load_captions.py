"""Pipeline transform that puts an image's caption into its sample."""

import os
from collections.abc import Sequence
from logging import WARNING

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmtadp.captions import CaptionStore
from mmtadp.registry import TRANSFORMS, register_module

from .tally import SharedTally


class CaptionNotFoundError(LookupError):
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

    - caption (str): Goes on to the model as a meta key: name it in the ``meta_keys`` of
      ``PackSegInputs`` or ``PackDetInputs``.

    Args:
        ann_file (str | PathLike | Sequence): Path of a caption file, or several paths; relative
            ones are relative to the working directory.
        key (str): What the keys of the files are: ``'stem'``, ``'filename'``, ``'relpath'``, or
            ``'auto'`` to decide for each file by its keys. Defaults to ``'auto'``.
        missing (str): What to do for an image without a caption: ``'error'``, or ``'null'`` to
            set the empty caption, which is the null text. Blank captions in a file count as
            missing. Defaults to ``'error'``.
        select (str): Which of an image's captions to use: ``'first'``, or ``'random'`` (for
            training) for one drawn with NumPy's global generator, which mmengine seeds in each
            worker. Defaults to ``'first'``.

    Raises:
        FileNotFoundError: If a file does not exist.
        CaptionFileError: If a file cannot be used as it is, or with ``missing='error'`` holds a
            blank caption.
        ValueError: If an argument has a value that does not exist.
    """

    writes_caption = True

    def __init__(
        self,
        ann_file: str | os.PathLike | Sequence[str | os.PathLike],
        key: str = 'auto',
        missing: str = 'error',
        select: str = 'first',
    ):
        if missing not in ('error', 'null'):
            raise ValueError(f"missing={missing!r}: expected 'error' or 'null'")
        if select not in ('first', 'random'):
            raise ValueError(f"select={select!r}: expected 'first' or 'random'")
        self.ann_file = ann_file
        self.key = key
        self.missing = missing
        self.select = select
        self.store = CaptionStore.load(ann_file, key, allow_blank=missing == 'null')
        self._tally = SharedTally()

    def transform(self, results: dict) -> dict:
        """Set ``results['caption']``.

        Args:
            results (dict): Sample with ``img_path``.

        Returns:
            dict: The same sample.

        Raises:
            ValueError: If the sample has no ``img_path``.
            CaptionNotFoundError: If ``missing='error'`` and the image has no caption.
        """
        img_path = results.get('img_path')
        if img_path is None:
            raise ValueError(
                "CaptionLoadTransform finds captions by results['img_path'], which this sample "
                f'lacks (it has: {", ".join(results)}). For an image that is not a file, set '
                "results['caption'] yourself and leave this transform out."
            )
        captions = self.store.find(img_path)
        warn = self._tally.add(not captions)
        if not captions:
            results['caption'] = self._miss(img_path, warn)
        elif self.select == 'random' and len(captions) > 1:
            results['caption'] = captions[np.random.randint(len(captions))]
        else:
            results['caption'] = captions[0]
        return results

    def _miss(self, img_path: str, warn: bool) -> str:
        if self.missing == 'error':
            raise CaptionNotFoundError(
                f'{self.store.explain_miss(img_path)} Caption it (and any others), or set '
                "missing='null' in CaptionLoadTransform to use the empty caption for such images."
            )
        if warn:
            print_log(
                f'CaptionLoadTransform: {self._tally.wrong:,} of {self._tally.seen:,} samples so '
                "far had no caption and use the empty one (missing='null'). Now: "
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
