# TADP, Table S3 (d): NYUv2, full schedule.
max_epochs = 25
optim_wrapper = dict(
    type='OptimWrapper',
    # The table's layer decay and drop path rate (0.9; 0.9 and 0.3 in the commands) are parsed by
    # the published code and used nowhere, so they are left out.
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.1),
    # mmseg's, which exempts norms and biases of the U-Net from weight decay too.
    constructor='ForceDefaultOptimWrapperConstructor',
    paramwise_cfg=dict(
        flat_decay_mult=0.0,
        force_default_settings=True,
        # The table gives no scale; VPD's and TADP's code has this one, the paper's text 0.1.
        custom_keys={'backbone.unet': dict(lr_mult=0.01)},
    ),
)
# VPD's code: up from 6 % (3e-5) to 100 % as (epoch / 12) ** 0.9, down as
# 1 - (epoch / 12 - 1) ** 0.9, then 6 %, set in each iteration. PolyLRRatio bends the other way
# round, so two segments stand for each ramp; they are off by 0.75 % of the full rate at most.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.06,
        end_factor=0.1604,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLRRatio',
        eta_min_ratio=1.0,
        power=1.07,
        begin=1,
        end=12,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLRRatio',
        eta_min_ratio=0.8996,
        power=1.0,
        begin=12,
        end=13,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLRRatio',
        eta_min_ratio=0.06,
        power=1.07,
        begin=13,
        end=24,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
