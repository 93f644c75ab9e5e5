# As tadp_shapes, with a U-Net that has learnt nothing. There is nothing to keep, so it learns at
# the rate of neck and head.
_base_ = 'tadp_shapes.py'
unet_lr_mult = 1.0
model = dict(backbone=dict(unet='data/shapescenes/tiny_pipeline/unet'))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'backbone.unet': dict(lr_mult=unet_lr_mult)}))
