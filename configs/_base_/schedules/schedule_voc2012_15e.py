# TADP, Table S3 (f): Pascal VOC2012.
max_epochs = 15
optim_wrapper = dict(
    type='OptimWrapper',
    # The whole model at one rate: the published code gives the U-Net a `lr_scale` of 0.01, which
    # no optimizer reads. The table has no scale, the paper's text 0.1.
    optimizer=dict(type='AdamW', lr=1e-5, betas=(0.9, 0.999), weight_decay=1e-2),
    accumulative_counts=4,
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    # The table has no schedule. The published code's is (1 - t/T)^0.9, stepped in each iteration,
    # with the number of epochs for T, beyond which it is not defined; T here is all iterations.
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        by_epoch=True,
        begin=0,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
