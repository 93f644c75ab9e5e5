# DreamBooth: a U-Net that has learnt the night as sks. It learns one domain, so watercolours have
# the null modifier.
_base_ = 'tadp_plain_shapes_day2night_demo.py'
model = dict(backbone=dict(unet='data/shapescenes/dreambooth/night/unet'))
night_template = 'a photo of {caption} at sks night'
modify_night = dict(type='mmtadp.DomainModifier', template=night_template)
train_pipeline = [_base_.load_train_caption, modify_night, *_base_.train_transforms]
night_pipeline = [*_base_.caption_night, modify_night, *_base_.test_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
targets = [dict(**_base_.night, pipeline=night_pipeline), _base_.targets[1]]
val_dataloader = dict(dataset=dict(datasets=targets))
test_dataloader = val_dataloader
