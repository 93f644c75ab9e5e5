# ShapeScenes with the boxes of what is visible of each object, for mmdet.
dataset_type = 'CocoDataset'
data_root = 'data/shapescenes/day'
image_size = 128  # height and width
metainfo = dict(
    classes=(
        'ball',
        'wheel',
        'plate',
        'clock',
        'cookie',
        'button',
        'star',
        'flower',
        'gear',
        'sun',
        'crate',
        'door',
        'window',
        'gift',
        'tree',
        'mushroom',
        'lamp',
        'umbrella',
        'tent',
        'cone',
        'pyramid',
        'tower',
        'rocket',
        'bottle',
    ),
)
# mmdet's defaults and the caption, which the backbone needs of each image.
meta_keys = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'caption',
)
# Each image has a long and a short caption; the long one, which comes first, names all objects.
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=data_root + '/captions.json')
# Leaves the size as it is, and the scale factor that mmdet asks for.
resize = dict(type='Resize', scale=(image_size, image_size), keep_ratio=True)
train_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
test_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=6,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='instances_training.json',
        data_prefix=dict(img='images/training'),
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
        metainfo=metainfo,
        data_root=data_root,
        ann_file='instances_validation.json',
        data_prefix=dict(img='images/validation'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=data_root + '/instances_validation.json')
test_evaluator = val_evaluator
