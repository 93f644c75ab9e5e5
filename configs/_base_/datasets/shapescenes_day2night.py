# Trained on ShapeScenes by day, tested on its validation scenes by night and in watercolour. All
# domains have the same captions, which never name one, so there is nothing to clean.
_base_ = 'shapescenes.py'
# The domain, for the metric.
meta_keys = (*_base_.meta_keys, 'domain')
load_train_caption = _base_.load_caption
train_transforms = _base_.train_pipeline[1:]
test_transforms = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
scenes = dict(
    type=_base_.dataset_type,
    metainfo=_base_.metainfo,
    img_suffix='.png',
    data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
)
night = dict(**scenes, data_root='data/shapescenes/night')
caption_night = [
    dict(type='mmtadp.SetDomain', domain='night'),
    dict(type='mmtadp.CaptionLoadTransform', ann_file='data/shapescenes/night/captions.json'),
]
watercolour = dict(**scenes, data_root='data/shapescenes/watercolour')
caption_watercolour = [
    dict(type='mmtadp.SetDomain', domain='watercolour'),
    dict(
        type='mmtadp.CaptionLoadTransform', ann_file='data/shapescenes/watercolour/captions.json'
    ),
]
# The null modifier: captions as they are.
targets = [
    dict(**night, pipeline=[*caption_night, *test_transforms]),
    dict(**watercolour, pipeline=[*caption_watercolour, *test_transforms]),
]
val_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=targets))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='mmtadp.PerDomainMetric',
    metric=dict(type='IoUMetric', iou_metrics=['mIoU']),
)
test_evaluator = val_evaluator
