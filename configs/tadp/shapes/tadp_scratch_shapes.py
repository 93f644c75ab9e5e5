# As tadp_shapes, with a U-Net that has learnt nothing.
_base_ = 'tadp_shapes.py'
model = dict(backbone=dict(unet='data/shapescenes/tiny_pipeline/unet'))
