# The simple modifier: the target domain in words. There are two targets, so each training image is
# given one of their modifiers at random. Captions bring their own article.
_base_ = 'tadp_plain_shapes_day2night_demo.py'
night_template = 'a dark night photo of {caption}'
watercolour_template = 'a watercolor painting of {caption}'
modify_night = dict(type='mmtadp.DomainModifier', template=night_template)
modify_watercolour = dict(type='mmtadp.DomainModifier', template=watercolour_template)
train_modifier = dict(type='RandomChoice', transforms=[[modify_night], [modify_watercolour]])
train_pipeline = [_base_.load_train_caption, train_modifier, *_base_.train_transforms]
night_pipeline = [*_base_.caption_night, modify_night, *_base_.test_transforms]
watercolour_pipeline = [*_base_.caption_watercolour, modify_watercolour, *_base_.test_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
targets = [
    dict(**_base_.night, pipeline=night_pipeline),
    dict(**_base_.watercolour, pipeline=watercolour_pipeline),
]
val_dataloader = dict(dataset=dict(datasets=targets))
test_dataloader = val_dataloader
