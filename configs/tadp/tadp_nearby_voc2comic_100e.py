# The nearby domain: captions that name a style like that of the target.
_base_ = 'tadp_null_modifier_voc2comic_100e.py'
modifier = dict(type='mmtadp.DomainModifier', template='a constructivism painting of a {caption}')
# The published commands modify test captions only.
train_pipeline = [_base_.load_caption, modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, modifier, *_base_.test_transforms]
parts = [dict(**part, pipeline=train_pipeline) for part in _base_.train_sets]
train_dataloader = dict(dataset=dict(datasets=parts))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
