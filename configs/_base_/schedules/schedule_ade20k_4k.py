# TADP, Table S3 (c): ADE20K, fast schedule.
_base_ = 'schedule_ade20k_80k.py'
max_iters = 4000
optim_wrapper = dict(optimizer=dict(lr=1.6e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=75),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=4000)
