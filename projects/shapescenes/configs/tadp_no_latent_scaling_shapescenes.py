# As tadp_shapescenes, without latent scaling.
_base_ = 'tadp_shapescenes.py'
model = dict(backbone=dict(latent_scaling=False))
