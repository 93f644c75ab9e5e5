# TADP, Table S3 (a): ADE20K, full schedule.
max_iters = 80000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=8e-5, betas=(0.9, 0.999), weight_decay=5e-3),
    # mmseg's. The default constructor would decay the U-Net's norms, since a key sets their rate.
    constructor='ForceDefaultOptimWrapperConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        force_default_settings=True,
        custom_keys={
            # The table's scale; the paper's text and the published code say 0.1.
            'backbone.unet': dict(lr_mult=0.01),
        },
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    # From iteration 0 on: the warm-up multiplies the polynomial, as in the published schedule.
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=8000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
