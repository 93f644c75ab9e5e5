# The simple modifier, with words for each condition. One model serves four targets, so it is
# trained with captions as they are.
_base_ = 'tadp0_null_modifier_cityscapes2acdc_40k.py'
modifiers = [
    dict(type='mmtadp.DomainModifier', template='a foggy photo of a {caption}'),
    dict(type='mmtadp.DomainModifier', template='a dark night photo of a {caption}'),
    dict(type='mmtadp.DomainModifier', template='a rainy photo of a {caption}'),
    dict(type='mmtadp.DomainModifier', template='a snowy photo of a {caption}'),
]
captions = [[*load, words] for (_, load), words in zip(_base_.targets, modifiers)]
parts = [
    dict(**target, pipeline=[*caption, *_base_.test_transforms])
    for (target, _), caption in zip(_base_.targets, captions)
]
val_dataloader = dict(dataset=dict(datasets=parts))
test_dataloader = val_dataloader
tta_pipeline = [[*caption, *_base_.tta_transforms] for caption in captions]
