# One GPU of less memory: single images in bfloat16, with gradient checkpointing, and twice as many
# batches for each step. Batch norm sees one image at a time. Memory: docs/benchmarks.md.
_base_ = 'tadp40_voc2012_15e.py'
model = dict(backbone=dict(with_cp=True))
train_dataloader = dict(batch_size=1)
# Static: bfloat16 has the range of float32.
optim_wrapper = dict(
    type='AmpOptimWrapper', dtype='bfloat16', loss_scale=1.0, accumulative_counts=8
)
auto_scale_lr = dict(base_batch_size=1)
