"""Watercolor2k and Comic2k: paintings and comics with boxes of six classes of Pascal VOC."""

from mmdet.datasets import XMLDataset

from mmtadp.registry import DATASETS, register_module


class _CrossDomainDataset(XMLDataset):
    """A dataset of Inoue et al., Cross-Domain Weakly-Supervised Object Detection, CVPR 2018."""

    # No palette: its length would have to match the classes of a config.
    METAINFO = dict(classes=('bicycle', 'bird', 'car', 'cat', 'dog', 'person'))

    def __init__(self, data_prefix: dict = dict(sub_data_root=''), **kwargs):
        super().__init__(data_prefix=data_prefix, **kwargs)


@register_module(DATASETS)
class Watercolor2kDataset(_CrossDomainDataset):
    """Watercolor2k: 1,000 paintings for training and 1,000 for test, in Pascal VOC's layout.

    As unpacked:

    .. code-block:: none

        watercolor
        ├── Annotations
        │   └── 43248445.xml
        ├── ImageSets
        │   └── Main
        │       ├── test.txt
        │       └── train.txt
        └── JPEGImages
            └── 43248445.jpg

    The classes are six of Pascal VOC's: bicycle, bird, car, cat, dog and person. For a detector
    of VOC's 20 classes, pass these as ``metainfo=dict(classes=(...))``: the labels
    are then those of VOC, and mmdet's ``VOCMetric`` and ``CocoMetric`` average over the classes
    with ground truth, which are these six.

    Args:
        data_prefix (dict): ``sub_data_root`` is the folder with these three folders, relative to
            ``data_root``. Defaults to ``data_root`` itself.
        kwargs: Arguments of ``XMLDataset``, such as ``data_root='data/watercolor'`` and
            ``ann_file='ImageSets/Main/test.txt'``.
    """


@register_module(DATASETS)
class Comic2kDataset(_CrossDomainDataset):
    """Comic2k: 1,000 comics for training and 1,000 for test, in Pascal VOC's layout.

    As unpacked:

    .. code-block:: none

        comic
        ├── Annotations
        │   └── 79182947.xml
        ├── ImageSets
        │   └── Main
        │       ├── test.txt
        │       └── train.txt
        └── JPEGImages
            └── 79182947.jpg

    Classes, 20-class detectors and arguments are as for :class:`Watercolor2kDataset`.
    """
