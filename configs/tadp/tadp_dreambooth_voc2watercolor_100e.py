# DreamBooth: captions that name the style by a token, and a U-Net tuned to it on target images.
_base_ = 'tadp_null_modifier_voc2watercolor_100e.py'
model = dict(backbone=dict(unet='data/dreambooth/watercolor/unet'))
modifier = dict(type='mmtadp.DomainModifier', template='a sks style painting of a {caption}')
# The published commands modify test captions only.
train_pipeline = [_base_.load_caption, modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, modifier, *_base_.test_transforms]
parts = [dict(**part, pipeline=train_pipeline) for part in _base_.train_sets]
train_dataloader = dict(dataset=dict(datasets=parts))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
