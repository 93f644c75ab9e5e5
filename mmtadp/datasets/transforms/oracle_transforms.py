"""Make captions from the classes in the ground truth."""

import hashlib
from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.arguments import check_int, check_number
from mmtadp.utils.errors import RunError


class OracleLabels(NamedTuple):
    """The labels that an oracle caption was made from.

    Attributes:
        named (tuple[tuple[int, str]]): Label and name of each class in the caption, in its order.
        present (frozenset[int]): All labels in the ground truth.
        ignore_index (int): Value of pixels without a class.
    """

    named: tuple[tuple[int, str], ...]
    present: frozenset[int]
    ignore_index: int

    @property
    def caption(self) -> str:
        """str: The names, separated by spaces."""
        return ' '.join(name for _, name in self.named)


@register_module(TRANSFORMS)
class OracleCaptionTransform(BaseTransform):
    """Caption an image with the names of the classes in its ground truth (TADP, Eq. 5, Tab. S2).

    The names are in class order, separated by spaces. An image without any has the empty caption,
    which is the null text. Classes are those of ``gt_seg_map`` other than ``ignore_index``, or
    those of boxes. Boxes flagged to be ignored (VOC's difficult ones, COCO's crowds) do not count:
    VOC's masks also mark such objects as ignored, and no metric evaluates them.

    **Position in the pipeline.** The transform reads the ground truth at its position, after
    ``reduce_zero_label`` and the like. After the crop, it names the classes in the crop. Before
    the crop, it names the classes in the whole image; :class:`OracleCropTransform` after the crop
    removes those that were cropped away. The published captions for VOC2012 are neither: a script
    wrote them once, from one randomly scaled (0.5 to 2) and cropped (512 x 512) view of each
    training image and from the whole of each validation image. Training reads them with another
    crop, so they name classes that are not in it and miss others. The transform before the crop
    without :class:`OracleCropTransform` is closest to that: one caption per image, the same in
    every epoch. The authors' captions for ADE20K, and how they were made, are not published.

    **Precision and recall.** Of ``n`` classes present, ``k = recall * n`` are named; in addition,
    ``k * (1 - precision) / precision`` absent classes are named, if there are that many. Fractions
    are rounded up or down at random, with probabilities that make them right on average. So over a
    dataset, ``precision`` is the share of correct names among all names given, and ``recall`` the
    share of named classes among all classes present. The random numbers depend on ``seed`` and the
    image's file name and folder only: they are the same in every epoch and worker, and do not
    depend on the location of the data or the position in the pipeline. The published script
    instead drops each class present, and then adds each class not in the caption (including those
    just dropped), with a given probability; the resulting precision depends on the number of
    classes.

    Required Keys:

    - gt_seg_map (np.ndarray), or
    - gt_bboxes_labels (np.ndarray) and gt_ignore_flags (np.ndarray, optional)
    - img_path (str): With a precision or recall below 1.

    Added Keys:

    - caption (str): Reaches the model as a meta key.
    - oracle_labels (OracleLabels)

    Args:
        class_names (Sequence[str]): A name for each label, as captions spell it.
        precision (float): Share of correct names among all names given, above 0, at most 1.
            Defaults to 1.
        recall (float): Share of named classes among all classes present, above 0, at most 1.
            Defaults to 1.
        seed (int): Seed of the random choices. Defaults to 0.
        always_named (Sequence[str]): Names that are given if and only if their class is present,
            and do not count for precision and recall, such as VOC's ``'background'``. Defaults to
            none.
        ignore_index (int): Value of pixels without a class. Defaults to 255.

    Raises:
        ValueError: If an argument has an invalid value.
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
            if (
                not isinstance(names, Sequence)
                or isinstance(names, str)
                or not all(isinstance(name, str) for name in names)
            ):
                raise RunError(f'{key}={names!r}: expected a list of names')
        unknown = [name for name in always_named if name not in class_names]
        if unknown:
            raise RunError(
                f'always_named={always_named!r}: {", ".join(map(repr, unknown))} not among '
                f'class_names {", ".join(map(repr, class_names))}'
            )
        for key, value in (('precision', precision), ('recall', recall)):
            if not 0 < check_number(key, value) <= 1:
                raise RunError(f'{key}={value!r}: expected a share above 0, at most 1')
        self.class_names = tuple(class_names)
        self.precision = precision
        self.recall = recall
        self.seed = check_int('seed', seed)
        self.always_named = tuple(always_named)
        self.ignore_index = check_int('ignore_index', ignore_index)
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
                ``img_path`` although precision or recall is below 1.
        """
        present = _present_labels(results, self.ignore_index, 'OracleCaptionTransform')
        nameless = sorted(label for label in present if not 0 <= label < len(self.class_names))
        if nameless:
            raise RunError(
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
        """Return the labels to name at the given precision and recall."""
        img_path = results.get('img_path')
        if img_path is None:
            raise RunError(
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
        """Return uniform numbers in [0, 1) for this image: two, and one for each label."""
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
    """Remove the classes that are no longer visible after the crop from an oracle caption.

    Put it after the crop (or another transform that removes ground truth), and
    :class:`OracleCaptionTransform` before the crop. Names of classes that were not in the image
    (at a precision below 1) stay, and classes that were not named are not added. So recall stays
    the same on average, and a precision below 1 falls by the lost names.

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
            ValueError: If the sample has no oracle caption or no ground truth, or if another
                transform has rewritten the caption.
        """
        before = results.get('oracle_labels')
        if before is None:
            raise RunError(
                "OracleCropTransform needs results['oracle_labels'], which this sample lacks (it "
                f'has: {", ".join(results)}). Put OracleCaptionTransform before the '
                'crop.'
            )
        if results.get('caption') != before.caption:
            raise RunError(
                'OracleCropTransform makes the caption again from the classes, but another '
                f'transform has rewritten {before.caption!r} to {results.get("caption")!r}. Put '
                'DomainModifier and the like after OracleCropTransform.'
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
    """Return the labels of a sample's mask, or of its boxes."""
    if 'gt_seg_map' in results:
        return frozenset(np.unique(results['gt_seg_map']).tolist()) - {ignore_index}
    if 'gt_bboxes_labels' in results:
        labels = np.asarray(results['gt_bboxes_labels'])
        if 'gt_ignore_flags' in results:
            labels = labels[~np.asarray(results['gt_ignore_flags'], dtype=bool)]
        return frozenset(labels.tolist())
    raise RunError(
        f"{who} reads results['gt_seg_map'] or results['gt_bboxes_labels'], which this sample "
        f'lacks (it has: {", ".join(results)}). Put LoadAnnotations before it in the pipeline.'
    )
