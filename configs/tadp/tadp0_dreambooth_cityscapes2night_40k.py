# Table 4, DreamBooth: a U-Net that has learnt what sks means, and the token in the captions.
_base_ = 'tadp0_null_modifier_cityscapes2night_40k.py'
model = dict(backbone=dict(unet='data/dreambooth/night/unet'))
modifier = dict(type='mmtadp.DomainModifier', template='a dashcam photo of {caption} at sks night')
train_pipeline = [_base_.load_train_caption, modifier, *_base_.train_transforms]
test_pipeline = [modifier, *_base_.test_transforms]
flip_pipeline = [modifier, *_base_.tta_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
parts = [dict(**target, pipeline=[*caption, *test_pipeline]) for target, caption in _base_.targets]
val_dataloader = dict(dataset=dict(datasets=parts))
test_dataloader = val_dataloader
tta_pipeline = [[*caption, *flip_pipeline] for _, caption in _base_.targets]
