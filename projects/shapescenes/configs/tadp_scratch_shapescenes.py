# As tadp_shapescenes, with an untrained U-Net.
_base_ = 'tadp_shapescenes.py'
model = dict(backbone=dict(unet='data/shapescenes/untrained/unet'))
