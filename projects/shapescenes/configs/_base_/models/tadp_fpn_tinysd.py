# TinySD: a U-Net of 5 M parameters, factor 8, for scenes of 128 x 128.
_base_ = '../../../../../configs/_base_/models/tadp_fpn_sd15_ade20k.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(128, 128)),
    backbone=dict(pretrained='data/shapescenes/tinysd'),
    neck=dict(in_channels=[48, 173, 173, 96], out_channels=64),
    decode_head=dict(
        in_channels=[64, 64, 64, 64],
        channels=64,
        num_classes=25,
        norm_cfg=norm_cfg,
        # Background covers about four fifths of a scene.
        loss_decode=dict(class_weight=[0.3] + [1.0] * 24),
    ),
    test_cfg=dict(_delete_=True, mode='whole'),
)
