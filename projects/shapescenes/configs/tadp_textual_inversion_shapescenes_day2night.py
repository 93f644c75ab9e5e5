# Textual inversion: the target domain as a learned token, {token} in the template, in training and
# testing as in the paper.
_base_ = 'tadp_null_modifier_shapescenes_day2night.py'
learned_embeds = 'data/shapescenes/tokens/night/learned_embeds.safetensors'
model = dict(backbone=dict(prompt=dict(learned_embeds=learned_embeds)))
template = 'a dark {token} photo of {caption}'
modifier = dict(type='mmtadp.DomainModifier', template=template, learned_embeds=learned_embeds)
train_pipeline = [_base_.load_caption, modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, modifier, *_base_.test_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
