# The empty caption for every image; no caption is loaded.
_base_ = 'tadp_shapescenes_depth.py'
model = dict(backbone=dict(prompt=dict(type='NullTextPrompt')))
train_pipeline = _base_.train_transforms
test_pipeline = _base_.test_transforms
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
