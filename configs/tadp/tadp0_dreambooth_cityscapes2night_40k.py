# Table 4, DreamBooth: a U-Net that has learnt what sks means, and the token in the captions.
_base_ = 'tadp0_null_modifier_cityscapes2night_40k.py'
model = dict(backbone=dict(unet='data/dreambooth/night/unet'))
train_template = 'a dashcam photo of {caption} at sks night'
test_template = 'a dashcam photo of {caption} at sks night'
train_modifier = dict(type='mmtadp.DomainModifier', template=train_template)
test_modifier = dict(type='mmtadp.DomainModifier', template=test_template)
train_pipeline = [_base_.load_train_caption, train_modifier, *_base_.train_transforms]
test_pipeline = [test_modifier, *_base_.test_transforms]
flip_pipeline = [test_modifier, *_base_.tta_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
targets = [
    dict(**_base_.dark_zurich, pipeline=[*_base_.caption_dark_zurich, *test_pipeline]),
    dict(**_base_.nighttime_driving, pipeline=[*_base_.caption_nighttime_driving, *test_pipeline]),
    dict(**_base_.acdc_night, pipeline=[*_base_.caption_acdc_night, *test_pipeline]),
]
val_dataloader = dict(dataset=dict(datasets=targets))
test_dataloader = val_dataloader
tta_pipeline = [
    [*_base_.caption_dark_zurich, *flip_pipeline],
    [*_base_.caption_nighttime_driving, *flip_pipeline],
    [*_base_.caption_acdc_night, *flip_pipeline],
]
