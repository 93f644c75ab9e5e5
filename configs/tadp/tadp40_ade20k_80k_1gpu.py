# One GPU: batches of 2 in bfloat16, with gradient checkpointing. Eight batches make one step of
# 16 images as in the base, so the schedule has eight times the iterations. Batch norm sees 2
# images at a time (mmengine turns SyncBN into BN). Memory: docs/benchmarks.md.
_base_ = 'tadp40_ade20k_80k.py'
accumulative_counts = 8
max_iters = 640000
model = dict(backbone=dict(with_cp=True))
# Static: bfloat16 has the range of float32.
optim_wrapper = dict(
    type='AmpOptimWrapper',
    dtype='bfloat16',
    loss_scale=1.0,
    accumulative_counts=accumulative_counts,
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=12000),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=64000)
default_hooks = dict(checkpoint=dict(interval=64000))
auto_scale_lr = dict(base_batch_size=2)
