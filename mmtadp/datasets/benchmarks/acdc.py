"""ACDC: streets in adverse conditions."""

from mmseg.datasets import CityscapesDataset

from mmtadp.registry import DATASETS, register_module


@register_module(DATASETS)
class ACDCDataset(CityscapesDataset):
    """ACDC (Sakaridis et al., ICCV 2021), with the 19 classes of Cityscapes.

    1920 x 1080 photographs in four conditions: fog, night, rain and snow, in each 400 for
    training and 100 for validation (night: 106). As unpacked from ``rgb_anon_trainvaltest.zip``
    and ``gt_trainval.zip``:

    .. code-block:: none

        acdc
        ├── rgb_anon
        │   └── night
        │       └── val
        │           └── SEQUENCE
        │               └── SEQUENCE_frame_FRAME_rgb_anon.png
        └── gt
            └── night
                └── val
                    └── SEQUENCE
                        └── SEQUENCE_frame_FRAME_gt_labelTrainIds.png

    ``data_prefix=dict(img_path='rgb_anon/night/val', seg_map_path='gt/night/val')`` selects
    one condition; all files below these folders are used. The reference images of the same places
    in good weather (``val_ref``) have another suffix.

    Args:
        img_suffix (str): Defaults to ``'_rgb_anon.png'``.
        seg_map_suffix (str): Defaults to ``'_gt_labelTrainIds.png'``.
        kwargs: Arguments of ``BaseSegDataset``.
    """

    def __init__(
        self,
        img_suffix: str = '_rgb_anon.png',
        seg_map_suffix: str = '_gt_labelTrainIds.png',
        **kwargs,
    ):
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
