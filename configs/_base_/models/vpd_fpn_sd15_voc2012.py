# VPD: average EOS embeddings of all classes, with the text adapter, as Table 1 marks it; the
# published commands for VOC leave it out.
_base_ = ['tadp_fpn_sd15_voc2012.py', '../class_names/voc2012.py']
model = dict(
    backbone=dict(
        prompt=dict(
            _delete_=True,
            type='AverageEOSPrompt',
            class_names=_base_.class_names,
            text_adapter=dict(),
        )
    ),
    # 21 attention maps, one per class.
    neck=dict(in_channels=[320, 661, 1301, 1280]),
)
