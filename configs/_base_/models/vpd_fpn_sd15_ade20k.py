# VPD: average EOS embeddings of all classes, with the text adapter.
_base_ = ['tadp_fpn_sd15_ade20k.py', '../class_names/ade20k.py']
model = dict(
    backbone=dict(
        prompt=dict(
            _delete_=True,
            type='AverageEOSPrompt',
            class_names=_base_.class_names,
            text_adapter=dict(),
        )
    ),
    # 150 attention maps, one per class.
    neck=dict(in_channels=[320, 790, 1430, 1280]),
)
