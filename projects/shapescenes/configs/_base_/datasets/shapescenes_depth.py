# ShapeScenes with depth maps, read by mmseg's dataset for NYUv2: 16-bit millimetres, at most 10 m.
_base_ = 'shapescenes_source.py'
meta_keys = (
    'img_path',
    'depth_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'caption',
)
load_depth = dict(type='LoadDepthAnnotation', depth_rescale_factor=1e-3)
train_transforms = [
    dict(type='LoadImageFromFile'),
    load_depth,
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_transforms = [
    dict(type='LoadImageFromFile'),
    load_depth,
    dict(type='mmtadp.CheckGroundTruth'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_pipeline = [_base_.load_caption, *train_transforms]
test_pipeline = [_base_.load_caption, *test_transforms]
train_dataloader = dict(
    dataset=dict(
        type='NYUDataset',
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', depth_map_path='depth/training'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='NYUDataset',
        img_suffix='.png',
        data_prefix=dict(img_path='images/validation', depth_map_path='depth/validation'),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
# Pixels at 10 m or more, for example the sky, are not scored.
val_evaluator = dict(type='mmtadp.ValidDepthMetric', min_depth_eval=1e-3, max_depth_eval=10.0)
test_evaluator = val_evaluator
