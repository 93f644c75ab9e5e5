# One GPU instead of eight: gradient checkpointing and bfloat16, and eight batches of 3 per step.
_base_ = 'tadp40_nyu_25e.py'
model = dict(backbone=dict(with_cp=True))
optim_wrapper = dict(
    type='AmpOptimWrapper',
    dtype='bfloat16',
    loss_scale=1.0,  # bfloat16 has float32's range, so losses need no scaling
    accumulative_counts=8,
)
auto_scale_lr = dict(base_batch_size=3)
