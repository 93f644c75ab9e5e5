# TADP, Table S4 (a): Cityscapes to Dark Zurich and Nighttime Driving. Learning rate, weight decay
# (published configs: 1e-3), warm-up and the U-Net's scale as on ADE20K.
_base_ = 'schedule_ade20k_80k.py'
max_iters = 40000
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=4000)
