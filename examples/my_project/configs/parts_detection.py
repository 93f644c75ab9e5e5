# Three kinds of machine parts, annotated as in COCO.
_base_ = 'mmtadp::tadp/tadp_null_modifier_voc2watercolor_100e.py'

parts = dict(
    _delete_=True,
    type='CocoDataset',
    data_root='data/parts',
    metainfo=dict(classes=('bolt', 'nut', 'washer')),
)
# The prompt: a caption in a template that describes these photographs.
captions = [
    dict(type='mmtadp.CaptionLoadTransform', ann_file='data/parts/captions.json'),
    dict(type='mmtadp.DomainModifier', template='a close-up photo of {caption}'),
]
train = dict(ann_file='train.json', data_prefix=dict(img='train'))
val = dict(ann_file='val.json', data_prefix=dict(img='val'), test_mode=True)
train_dataloader = dict(
    dataset=dict(**parts, **train, pipeline=[*captions, *_base_.train_transforms])
)
val_dataloader = dict(dataset=dict(**parts, **val, pipeline=[*captions, *_base_.test_transforms]))
test_dataloader = val_dataloader
val_evaluator = [dict(type='CocoMetric', metric='bbox', ann_file='data/parts/val.json')]
test_evaluator = val_evaluator
model = dict(roi_head=dict(bbox_head=dict(num_classes=3)))
