# The simple modifier: the target domain in words, in training and testing as in the paper.
_base_ = 'tadp_null_modifier_shapescenes_day2night.py'
modifier = dict(type='mmtadp.DomainModifier', template='a dark night photo of {caption}')
train_pipeline = [_base_.load_caption, modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, modifier, *_base_.test_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
