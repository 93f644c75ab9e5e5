# ShapeScenes for segmentation: 24 classes and the background.
_base_ = [
    'shapescenes_source.py',
    '../../../../../configs/_base_/datasets/segmentation_meta_keys.py',
]
metainfo = dict(
    classes=_base_.class_names,
    palette=[
        [40, 40, 40],
        [242, 36, 36],
        [36, 242, 139],
        [242, 36, 242],
        [139, 242, 36],
        [36, 36, 242],
        [242, 139, 36],
        [36, 242, 242],
        [242, 36, 139],
        [36, 242, 36],
        [139, 36, 242],
        [242, 242, 36],
        [36, 139, 242],
        [178, 105, 80],
        [80, 178, 154],
        [178, 80, 154],
        [105, 178, 80],
        [105, 80, 178],
        [178, 154, 80],
        [80, 154, 178],
        [178, 80, 105],
        [80, 178, 105],
        [154, 80, 178],
        [154, 178, 80],
        [80, 105, 178],
    ],
)
train_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
]
test_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
]
train_pipeline = [_base_.load_caption, *train_transforms]
test_pipeline = [_base_.load_caption, *test_transforms]
train_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        metainfo=metainfo,
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        metainfo=metainfo,
        img_suffix='.png',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
