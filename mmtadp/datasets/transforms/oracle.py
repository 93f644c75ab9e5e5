"""Pipeline transforms whose caption is the ground truth's classes."""

import hashlib
from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module


class OracleLabels(NamedTuple):
    """What an oracle caption was made from.

    Attributes:
        named (tuple[tuple[int, str]]): Label and name of each class in the caption, in its order.
        present (frozenset[int]): All labels in the ground truth.
        ignore_index (int): The label that is none.
    """

    named: tuple[tuple[int, str], ...]
    present: frozenset[int]
    ignore_index: int

    @property
    def caption(self) -> str:
        """The names, separated by spaces."""
        return ' '.join(name for _, name in self.named)


@register_module(TRANSFORMS)
class OracleCaptionTransform(BaseTransform):
    """Caption an image with the names of the classes in its ground truth (TADP, Eq. 5, Tab. S2).

    The names are in class order, separated by spaces. An image without any has the empty caption,
    which is the null text. Classes are those of ``gt_seg_map`` other than ``ignore_index``, or
    those of boxes. Boxes flagged to be ignored (VOC's difficult ones, COCO's crowds) do not count:
    VOC's masks too show such objects as ignored, and no metric asks for them.

    **Where it goes in the pipeline.** It sees the ground truth as it is at that point, after
    ``reduce_zero_label`` and the like. Behind the crop, it names what is in the crop. In front of
    it, it names what is in the image, and with :class:`OracleCropTransform` behind the crop not
    what was cropped away. The published captions for VOC2012 are neither: a script wrote them
    once, from one randomly scaled (0.5 to 2) and cropped (512 x 512) view of each training image
    and from the whole of each validation image, and training reads them with a crop of its own,
    so that they name what is not in it and miss what is. In front of the crop, without
    :class:`OracleCropTransform`, is closest to that: one caption per image, the same in every
    epoch. The authors' captions for ADE20K, and how these were made, are not published.

    **Precision and recall.** Of ``n`` classes present, ``recall * n`` are named; beside ``k`` of
    these, ``k * (1 - precision) / precision`` absent ones, as far as there are so many. Fractions
    are rounded up or down at random with the probabilities that make them right on average, so
    that precision and recall over a dataset (true names by all names given, by all names due) are
    those asked for. Numbers and choices are drawn for each image by ``seed`` and the image's file
    name and folder: the same in every epoch and worker, wherever the data lie and wherever the
    transform stands in the pipeline. The published script instead drops each class present, and
    then adds each class not in the caption (also one just dropped), with a given probability; the
    precision that comes out depends on how many classes there are.

    Required Keys:

    - gt_seg_map (np.ndarray), or
    - gt_bboxes_labels (np.ndarray) and gt_ignore_flags (np.ndarray, optional)
    - img_path (str): With a precision or recall below 1.

    Added Keys:

    - caption (str): Goes on to the model as a meta key.
    - oracle_labels (OracleLabels)

    Args:
        class_names (Sequence[str]): A name for each label, as a caption should spell it.
        precision (float): Share of the names given that are present, above 0, at most 1.
            Defaults to 1.
        recall (float): Share of the classes present that are named, above 0, at most 1. Defaults
            to 1.
        seed (int): Makes other choices. Defaults to 0.
        always_named (Sequence[str]): Names that are given wherever their class is present and
            nowhere else, and do not count for precision and recall, such as VOC's
            ``'background'``. Defaults to none.
        ignore_index (int): Value of pixels without a class. Defaults to 255.

    Raises:
        ValueError: If an argument has a value that cannot be used.
    """

    writes_caption = True

    def __init__(
        self,
        class_names: Sequence[str],
        precision: float = 1.0,
        recall: float = 1.0,
        seed: int = 0,
        always_named: Sequence[str] = (),
        ignore_index: int = 255,
    ):
        for key, names in (('class_names', class_names), ('always_named', always_named)):
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise ValueError(f'{key}={names!r}: expected a list of names')
        unknown = [name for name in always_named if name not in class_names]
        if unknown:
            raise ValueError(
                f'always_named={always_named!r}: {", ".join(map(repr, unknown))} not among '
                f'class_names {", ".join(map(repr, class_names))}'
            )
        for key, value in (('precision', precision), ('recall', recall)):
            if not 0 < value <= 1:
                raise ValueError(f'{key}={value!r}: expected a share above 0, at most 1')
        self.class_names = tuple(class_names)
        self.precision = precision
        self.recall = recall
        self.seed = seed
        self.always_named = tuple(always_named)
        self.ignore_index = ignore_index
        self._always = frozenset(
            label for label, name in enumerate(class_names) if name in always_named
        )

    def transform(self, results: dict) -> dict:
        """Set ``results['caption']`` and ``results['oracle_labels']``.

        Args:
            results (dict): Sample with ground truth.

        Returns:
            dict: The same sample.

        Raises:
            ValueError: If the sample has no ground truth, a label without a name, or no
                ``img_path`` where it is needed.
        """
        present = _present_labels(results, self.ignore_index, 'OracleCaptionTransform')
        nameless = sorted(label for label in present if not 0 <= label < len(self.class_names))
        if nameless:
            raise ValueError(
                f'OracleCaptionTransform has no name for label {", ".join(map(str, nameless))} of '
                f'{results.get("img_path", "this image")}: class_names has '
                f'{len(self.class_names)}, for labels 0 to {len(self.class_names) - 1}. Give '
                f'every label a name; pixels of value {self.ignore_index} (ignore_index) need '
                'none.'
            )
        labels = present
        if self.precision < 1 or self.recall < 1:
            labels = self._choose(present, results)
        named = tuple((label, self.class_names[label]) for label in sorted(labels))
        oracle = OracleLabels(named, present, self.ignore_index)
        results['oracle_labels'] = oracle
        results['caption'] = oracle.caption
        return results

    def _choose(self, present: frozenset[int], results: dict) -> set[int]:
        """Labels to name, at the precision and recall asked for."""
        img_path = results.get('img_path')
        if img_path is None:
            raise ValueError(
                f'OracleCaptionTransform(precision={self.precision}, recall={self.recall}) draws '
                "names by results['img_path'], which this sample lacks (it has: "
                f'{", ".join(results)})'
            )
        round_kept, round_added, *priority = self._draw(img_path)
        others = sorted(set(range(len(self.class_names))) - self._always, key=priority.__getitem__)
        there = [label for label in others if label in present]
        absent = [label for label in others if label not in present]
        kept = floor(self.recall * len(there) + round_kept)
        added = floor(kept * (1 - self.precision) / self.precision + round_added)
        return {*(self._always & present), *there[:kept], *absent[:added]}

    def _draw(self, img_path: str) -> list[float]:
        """Uniform numbers in [0, 1) that are this image's own: two, and one for each label."""
        path = Path(img_path)
        key = f'{self.seed}/{path.parent.name}/{path.name}'
        # Python's own hash differs between processes.
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        rng = np.random.default_rng(int.from_bytes(digest, 'big'))
        return rng.random(2 + len(self.class_names)).tolist()

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(class_names={self.class_names!r}, '
            f'precision={self.precision}, recall={self.recall}, seed={self.seed}, '
            f'always_named={self.always_named!r}, ignore_index={self.ignore_index})'
        )


@register_module(TRANSFORMS)
class OracleCropTransform(BaseTransform):
    """Take out of an oracle caption the classes that a crop has left none of.

    Put it behind the crop (or whatever else removes ground truth) and
    :class:`OracleCaptionTransform` in front of it. Names of classes that were not in the image
    (at a precision below 1) stay: they are as wrong as before. What was not named does not come
    back. So recall stays what it was on average, and precision below 1 falls by the names lost.

    Required Keys:

    - oracle_labels (OracleLabels)
    - gt_seg_map (np.ndarray), or
    - gt_bboxes_labels (np.ndarray) and gt_ignore_flags (np.ndarray, optional)

    Modified Keys:

    - caption (str)
    - oracle_labels (OracleLabels)
    """

    writes_caption = True

    def transform(self, results: dict) -> dict:
        """Rewrite ``results['caption']``.

        Args:
            results (dict): Sample with ``oracle_labels`` and ground truth.

        Returns:
            dict: The same sample.

        Raises:
            ValueError: If the sample has no oracle caption or no ground truth, or if something
                has rewritten the caption.
        """
        before = results.get('oracle_labels')
        if before is None:
            raise ValueError(
                "OracleCropTransform needs results['oracle_labels'], which this sample lacks (it "
                f'has: {", ".join(results)}). Put OracleCaptionTransform before it, in front of '
                'the crop.'
            )
        if results.get('caption') != before.caption:
            raise ValueError(
                'OracleCropTransform makes the caption anew from the classes, but something has '
                f'rewritten {before.caption!r} to {results.get("caption")!r}. Put '
                'DomainModifier and the like behind OracleCropTransform.'
            )
        present = _present_labels(results, before.ignore_index, 'OracleCropTransform')
        lost = before.present - present
        named = tuple((label, name) for label, name in before.named if label not in lost)
        after = before._replace(named=named, present=present)
        results['oracle_labels'] = after
        results['caption'] = after.caption
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


def _present_labels(results: dict, ignore_index: int, who: str) -> frozenset[int]:
    """Labels in a sample's mask, or of its boxes."""
    if 'gt_seg_map' in results:
        return frozenset(np.unique(results['gt_seg_map']).tolist()) - {ignore_index}
    if 'gt_bboxes_labels' in results:
        labels = np.asarray(results['gt_bboxes_labels'])
        if 'gt_ignore_flags' in results:
            labels = labels[~np.asarray(results['gt_ignore_flags'], dtype=bool)]
        return frozenset(labels.tolist())
    raise ValueError(
        f"{who} reads results['gt_seg_map'] or results['gt_bboxes_labels'], which this sample "
        f'lacks (it has: {", ".join(results)}). Put LoadAnnotations before it in the pipeline.'
    )
