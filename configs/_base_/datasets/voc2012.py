# tools/dataset_converters/voc2012_aug.py writes trainaug.txt.
_base_ = 'segmentation_meta_keys.py'
dataset_type = 'PascalVOCDataset'
data_root = 'data/VOCdevkit/VOC2012'
crop_size = (512, 512)
# The published code's augmentation. It stretches crops and test images to a square.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmtadp.CheckGroundTruth'),
    # In HSV, by up to 10 of 180 or 255 each; mmseg's has factors for the saturation.
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=10,
        contrast_range=(1.0, 1.0),
        saturation_range=(0.96, 1.04),
        hue_delta=10,
    ),
    dict(type='RandomFlip', prob=0.5),
    # Half to twice the size of the image, the longer side of which has 500 pixels as a rule.
    dict(type='RandomResize', scale=(500, 500), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    # Metrics are computed at the original size (in the published code at 512 x 512), so
    # annotations are loaded after resizing.
    dict(type='LoadAnnotations'),
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
]
# Multi-scale and flip, at 0.5 to 1.75 times the single-scale test size.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(256, 256), keep_ratio=False),
                dict(type='Resize', scale=(384, 384), keep_ratio=False),
                dict(type='Resize', scale=(512, 512), keep_ratio=False),
                dict(type='Resize', scale=(640, 640), keep_ratio=False),
                dict(type='Resize', scale=(768, 768), keep_ratio=False),
                dict(type='Resize', scale=(896, 896), keep_ratio=False),
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs', meta_keys=_base_.meta_keys)],
        ],
    ),
]
train_dataloader = dict(
    # On one GPU; the schedule accumulates four batches.
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
# Without accumulation, which mmengine does not count.
auto_scale_lr = dict(enable=False, base_batch_size=2)
