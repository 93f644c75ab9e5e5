# TinySD: a U-Net of 5 M parameters, factor 8, for scenes of 128 x 128.
_base_ = '../../../../../configs/_base_/models/tadp_faster_rcnn_sd15.py'
proposals = dict(nms_pre=500, max_per_img=200)
model = dict(
    backbone=dict(pretrained='data/shapescenes/tinysd'),
    neck=dict(in_channels=[48, 173, 173, 96], out_channels=64),
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        # Objects are 11 to 83 pixels high, and 0.9 to 2.5 times as high as wide.
        anchor_generator=dict(scales=[2.0, 2.83], ratios=[1.0, 1.4, 2.0]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64, finest_scale=56),
        bbox_head=dict(
            in_channels=64, fc_out_channels=256, num_classes=24, reg_class_agnostic=True
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=proposals,
        rcnn=dict(sampler=dict(num=32, pos_fraction=0.5)),
    ),
    test_cfg=dict(rpn=proposals, rcnn=dict(score_thr=0.02, max_per_img=50)),
)
