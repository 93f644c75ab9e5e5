# Fine-tune TinySD on few labelled scenes, on one CPU core in minutes.
max_iters = 300
warmup_iters = 50
# The U-Net learns at the rate of neck and heads (docs/benchmarks.md). Stable Diffusion's U-Net
# learns at a hundredth to a tenth of that rate.
lr = 1e-3
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=0.01, fused=True),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=warmup_iters),
    dict(
        type='PolyLR', power=1.0, eta_min=1e-5, by_epoch=False, begin=warmup_iters, end=max_iters
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
