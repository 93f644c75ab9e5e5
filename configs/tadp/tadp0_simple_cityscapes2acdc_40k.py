# The simple modifier, in each condition's own words. One model serves four targets, so it is
# trained with captions as they are.
_base_ = 'tadp0_null_modifier_cityscapes2acdc_40k.py'
fog_template = 'a foggy photo of a {caption}'
night_template = 'a dark night photo of a {caption}'
rain_template = 'a rainy photo of a {caption}'
snow_template = 'a snowy photo of a {caption}'
in_fog = [*_base_.caption_fog, dict(type='mmtadp.DomainModifier', template=fog_template)]
at_night = [*_base_.caption_night, dict(type='mmtadp.DomainModifier', template=night_template)]
in_rain = [*_base_.caption_rain, dict(type='mmtadp.DomainModifier', template=rain_template)]
in_snow = [*_base_.caption_snow, dict(type='mmtadp.DomainModifier', template=snow_template)]
targets = [
    dict(**_base_.fog, pipeline=[*in_fog, *_base_.test_transforms]),
    dict(**_base_.night, pipeline=[*at_night, *_base_.test_transforms]),
    dict(**_base_.rain, pipeline=[*in_rain, *_base_.test_transforms]),
    dict(**_base_.snow, pipeline=[*in_snow, *_base_.test_transforms]),
]
val_dataloader = dict(dataset=dict(datasets=targets))
test_dataloader = val_dataloader
tta_pipeline = [
    [*in_fog, *_base_.tta_transforms],
    [*at_night, *_base_.tta_transforms],
    [*in_rain, *_base_.tta_transforms],
    [*in_snow, *_base_.tta_transforms],
]
