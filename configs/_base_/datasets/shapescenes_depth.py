# ShapeScenes with depth maps, read by mmseg's dataset for NYUv2: 16-bit millimetres, at most 10 m.
dataset_type = 'NYUDataset'
data_root = 'data/shapescenes/day'
image_size = 128  # height and width
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
# Each image has a long and a short caption; the long one, which comes first, names all objects.
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=data_root + '/captions.json')
load_depth = dict(type='LoadDepthAnnotation', depth_rescale_factor=1e-3)
train_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    load_depth,
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    load_depth,
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', depth_map_path='depth/training'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        img_suffix='.png',
        data_prefix=dict(img_path='images/validation', depth_map_path='depth/validation'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# What is 10 m away or more, the sky for example, is not scored.
val_evaluator = dict(type='DepthMetric', min_depth_eval=1e-3, max_depth_eval=10.0)
test_evaluator = val_evaluator
