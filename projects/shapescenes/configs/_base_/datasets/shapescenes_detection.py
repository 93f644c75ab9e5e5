# ShapeScenes for detection: boxes of the visible part of each object.
_base_ = 'shapescenes_source.py'
# The background has no boxes.
class_names_of_boxes = _base_.class_names[1:]
metainfo = dict(classes=class_names_of_boxes)
# mmdet's defaults and the caption, which the backbone needs.
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
# Keeps the size, and adds the scale factor that mmdet needs.
resize = dict(type='Resize', scale=(_base_.image_size, _base_.image_size), keep_ratio=True)
train_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
test_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
train_pipeline = [_base_.load_caption, *train_transforms]
test_pipeline = [_base_.load_caption, *test_transforms]
train_dataloader = dict(
    batch_size=6,
    dataset=dict(
        type='CocoDataset',
        metainfo=metainfo,
        ann_file='instances_training.json',
        data_prefix=dict(img='images/training'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        metainfo=metainfo,
        ann_file='instances_validation.json',
        data_prefix=dict(img='images/validation'),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=_base_.data_root + '/instances_validation.json')
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=6)
