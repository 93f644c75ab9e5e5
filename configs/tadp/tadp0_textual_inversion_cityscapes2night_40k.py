# Table 4, textual inversion: a learned token, which the template calls {token}.
_base_ = 'tadp0_null_modifier_cityscapes2night_40k.py'
learned_embeds = 'data/tokens/night/learned_embeds.safetensors'
model = dict(backbone=dict(prompt=dict(learned_embeds=learned_embeds)))
train_template = 'a dark {token} photo of a {caption}'
test_template = 'a dark {token} photo of a {caption}'
train_modifier = dict(
    type='mmtadp.DomainModifier', template=train_template, learned_embeds=learned_embeds
)
test_modifier = dict(
    type='mmtadp.DomainModifier', template=test_template, learned_embeds=learned_embeds
)
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
