dataset_type = 'NYUDataset'
data_root = 'data/nyu'
crop_size = (480, 480)
# mmseg's for depth, and the caption; the backbone reads the caption or the room type.
meta_keys = (
    'img_path',
    'depth_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'category_id',
    'caption',
)
# 16-bit millimetres -> metres
load_depth = dict(type='LoadDepthAnnotation', depth_rescale_factor=1e-3)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_depth,
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='RandomDepthMix', prob=0.25),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=crop_size),
    # The published code takes RandomBrightnessContrast, RandomGamma and HueSaturationValue of
    # albumentations, which neither set of mm packages has. Their ranges, without the gamma; where
    # albumentations is installed, mmseg's `Albu` can stand here.
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=51,
        contrast_range=(0.8, 1.2),
        saturation_range=(0.88, 1.12),
        hue_delta=20,
    ),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # Images are 480 x 640 already; others would be made as high.
    dict(type='Resize', scale=(2000, 480), keep_ratio=True),
    # Metrics are computed at the original size, so depth is loaded after resizing.
    load_depth,
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=3,  # on 8 GPUs
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/train', depth_map_path='annotations/train'),
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
        test_mode=True,
        data_prefix=dict(img_path='images/test', depth_map_path='annotations/test'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='mmtadp.ValidDepthMetric',
    min_depth_eval=1e-3,
    max_depth_eval=10.0,
    crop_type='nyu_crop',
    depth_scale_factor=1000.0,  # predictions are saved as the data set is, in millimetres
)
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=24)
