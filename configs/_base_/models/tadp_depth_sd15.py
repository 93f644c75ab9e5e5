# TADP for depth: Stable Diffusion 1.5 without attention maps, and VPD's head.
model = dict(
    type='DepthEstimator',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        # [0, 255] -> [-1, 1]
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=0,  # no depth
        size=(480, 480),
    ),
    # Crops of 480 x 480 are padded to 512 x 512 inside; of the 16 x 16 cells at stride 32 the head
    # then drops the last row and column (`fmap_border`).
    backbone=dict(
        type='mmtadp.TADPUNetBackbone',
        pretrained='stable-diffusion-v1-5/stable-diffusion-v1-5',
        prompt=dict(type='CaptionPrompt'),
        use_attn=False,
        keep_padding=True,
    ),
    decode_head=dict(
        type='VPDDepthHead',
        in_channels=[320, 640, 1280, 1280],
        max_depth=10.0,  # metres
        fmap_border=(1, 1),
        loss_decode=dict(type='SiLogLoss'),
    ),
    train_cfg=dict(),
    # Two windows of an image of 480 x 640, each also flipped ("shift window" and "flip test").
    test_cfg=dict(mode='slide_flip', crop_size=(480, 480), stride=(160, 160)),
)
