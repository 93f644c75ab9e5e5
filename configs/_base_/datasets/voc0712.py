# Pascal VOC for detection: trained on 2007's and 2012's trainval, tested on 2007's test.
dataset_type = 'VOCDataset'
data_root = 'data/VOCdevkit/'
# fmt: off
classes = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
    'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train',
    'tvmonitor',
)
# fmt: on
image_size = (512, 512)  # without keeping the aspect ratio
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
# One file for both years and all splits.
load_caption = dict(
    type='mmtadp.CaptionLoadTransform',
    ann_file='data/captions/pascal_object_captions_min40_max77.json',
)
# What follows the caption. The published code flips no image.
train_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=image_size, keep_ratio=False),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
test_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=image_size, keep_ratio=False),
    # Metrics are computed at the original size, so boxes are loaded after resizing. CocoMetric
    # takes its ground truth from `instances`.
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=(*meta_keys, 'instances')),
]
train_pipeline = [load_caption, *train_transforms]
test_pipeline = [load_caption, *test_transforms]
# Objects marked difficult are ignored; the published code trains on them as on the others.
voc2007 = dict(
    type=dataset_type,
    data_root=data_root,
    ann_file='VOC2007/ImageSets/Main/trainval.txt',
    data_prefix=dict(sub_data_root='VOC2007/'),
    filter_cfg=dict(filter_empty_gt=True),
)
voc2012 = dict(
    type=dataset_type,
    data_root=data_root,
    ann_file='VOC2012/ImageSets/Main/trainval.txt',
    data_prefix=dict(sub_data_root='VOC2012/'),
    filter_cfg=dict(filter_empty_gt=True),
)
train_sets = [voc2007, voc2012]
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        # VOCDataset writes its year there, in which the two differ.
        ignore_keys=['dataset_type'],
        datasets=[dict(**part, pipeline=train_pipeline) for part in train_sets],
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    # voc07_11point/mAP is what the paper calls AP: the average over IoU 0.5 to 0.95 of VOC 2007's
    # 11-point AP. voc07_11point/AP50 is its AP50.
    dict(
        type='VOCMetric',
        metric='mAP',
        iou_thrs=[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95],
        eval_mode='11points',
        prefix='voc07_11point',
    ),
    # coco/bbox_mAP is COCO's AP, interpolated at 101 points.
    dict(type='CocoMetric', metric='bbox', prefix='coco'),
]
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=2)
