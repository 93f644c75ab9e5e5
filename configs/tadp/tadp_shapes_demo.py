# What `make demo` trains on a CPU in minutes: the tiny pipeline on ShapeScenes, with the captions
# that the generator of the scenes writes. Its U-Net starts from random weights, so its learning
# rate is that of the head.
_base_ = [
    '../_base_/models/tadp_fpn_tiny.py',
    '../_base_/datasets/shapescenes.py',
    '../_base_/default_runtime.py',
]
max_iters = 1000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01, fused=True),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=1e-5, by_epoch=False, begin=50, end=max_iters),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=100, save_best=None), visualization=dict()
)
randomness = dict(seed=0)
