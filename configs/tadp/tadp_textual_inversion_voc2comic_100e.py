# Textual inversion: captions that name the style by a token learned from target images.
_base_ = 'tadp_null_modifier_voc2comic_100e.py'
learned_embeds = 'data/tokens/comic/learned_embeds.safetensors'
model = dict(backbone=dict(prompt=dict(learned_embeds=learned_embeds)))
modifier = dict(
    type='mmtadp.DomainModifier',
    template='a {token} style painting of a {caption}',
    learned_embeds=learned_embeds,
)
# The published commands modify test captions only.
train_pipeline = [_base_.load_caption, modifier, *_base_.train_transforms]
test_pipeline = [_base_.load_target_caption, modifier, *_base_.test_transforms]
parts = [dict(**part, pipeline=train_pipeline) for part in _base_.train_sets]
train_dataloader = dict(dataset=dict(datasets=parts))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
