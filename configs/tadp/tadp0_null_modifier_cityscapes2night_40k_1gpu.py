# One GPU of less memory: single images in bfloat16, with gradient checkpointing. Two images make
# a batch of the base, so the schedule has twice the iterations. Batch norm sees one image at a
# time. Memory: docs/benchmarks.md.
_base_ = 'tadp0_null_modifier_cityscapes2night_40k.py'
max_iters = 80000
model = dict(backbone=dict(with_cp=True))
train_dataloader = dict(batch_size=1)
# Static: bfloat16 has the range of float32.
optim_wrapper = dict(
    type='AmpOptimWrapper', dtype='bfloat16', loss_scale=1.0, accumulative_counts=2
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=3000),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=8000)
default_hooks = dict(checkpoint=dict(interval=8000))
auto_scale_lr = dict(base_batch_size=1)
