# As tadp_shapes, without latent scaling.
_base_ = 'tadp_shapes.py'
model = dict(backbone=dict(latent_scaling=False))
