# The demo's schedule: more steps than shapescenes.py, which is for few labelled scenes.
_base_ = 'shapescenes.py'
max_iters = 850
warmup_iters = 50
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=warmup_iters),
    dict(
        type='PolyLR', power=1.0, eta_min=1e-5, by_epoch=False, begin=warmup_iters, end=max_iters
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
