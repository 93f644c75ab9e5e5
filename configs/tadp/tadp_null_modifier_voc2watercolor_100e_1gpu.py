# A smaller GPU: gradient checkpointing, half precision, and two batches of 1 per step.
_base_ = 'tadp_null_modifier_voc2watercolor_100e.py'
model = dict(backbone=dict(with_cp=True))
# mmcv's RoIAlign has no kernel for bfloat16.
optim_wrapper = dict(
    type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic', accumulative_counts=2
)
train_dataloader = dict(batch_size=1)
auto_scale_lr = dict(base_batch_size=1)
