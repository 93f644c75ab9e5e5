# The simple modifier: captions that name the style (in the paper "a watercolor style painting").
_base_ = 'tadp_null_modifier_voc2watercolor_100e.py'
# The published commands modify test captions alone: train_template = '{caption}'.
train_template = 'a watercolor painting of a {caption}'
test_template = 'a watercolor painting of a {caption}'
train_modifier = dict(type='mmtadp.DomainModifier', template=train_template)
test_modifier = dict(type='mmtadp.DomainModifier', template=test_template)
train_pipeline = [_base_.load_caption, train_modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, test_modifier, *_base_.test_transforms]
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(pipeline=train_pipeline, **_base_.voc2007),
            dict(pipeline=train_pipeline, **_base_.voc2012),
        ]
    )
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
