# VPD for depth: the average EOS embedding of the image's room type, with the text adapter.
_base_ = ['tadp_depth_sd15.py', '../class_names/nyu.py']
model = dict(
    backbone=dict(
        prompt=dict(
            _delete_=True,
            type='CategoryEOSPrompt',
            class_names=_base_.class_names,
            text_adapter=dict(),
        )
    )
)
