# As tadp_shapescenes, with a U-Net that has learnt nothing.
_base_ = 'tadp_shapescenes.py'
model = dict(backbone=dict(unet='data/shapescenes/tiny_pipeline/unet'))
