# TinySD: a U-Net of 5 M parameters, factor 8, for scenes of 128 x 128.
_base_ = '../../../../../configs/_base_/models/tadp_depth_sd15.py'
model = dict(
    data_preprocessor=dict(size=(128, 128)),
    backbone=dict(pretrained='data/shapescenes/tinysd', keep_padding=False),
    decode_head=dict(
        in_channels=[48, 96, 96, 96],
        embed_dim=16,
        feature_dim=128,  # 8 times embed_dim
        num_deconv_filters=(32, 32, 32),
        fmap_border=0,
    ),
    test_cfg=dict(_delete_=True, mode='whole'),
)
