# As tadp_shapescenes, with short captions, which name the largest objects (like TADP-0).
_base_ = 'tadp_shapescenes.py'
load_caption = dict(
    type='mmtadp.CaptionLoadTransform', ann_file=_base_.data_root + '/captions_short.json'
)
train_pipeline = [load_caption, *_base_.train_transforms]
test_pipeline = [load_caption, *_base_.test_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
