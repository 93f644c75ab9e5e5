# ShapeScenes, which tools/prepare_shapescenes.py writes: 24 classes on varied backgrounds.
dataset_type = 'BaseSegDataset'
data_root = 'data/shapescenes/day'
image_size = 128  # height and width
metainfo = dict(
    classes=(
        'background',
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
# mmseg's defaults and the caption, which the backbone needs of each image.
meta_keys = (
    'img_path',
    'seg_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'reduce_zero_label',
    'caption',
)
# Each image has a long and a short caption; the long one, which comes first, names all objects.
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=data_root + '/captions.json')
train_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_pipeline = [
    load_caption,
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
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
        img_suffix='.png',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
