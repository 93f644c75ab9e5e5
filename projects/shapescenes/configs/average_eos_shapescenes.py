# Average EOS embeddings of all classes, without VPD's text adapter.
_base_ = 'null_shapescenes.py'
model = dict(
    backbone=dict(
        prompt=dict(_delete_=True, type='AverageEOSPrompt', class_names=_base_.class_names)
    ),
    # 25 attention maps, one per class.
    neck=dict(in_channels=[48, 121, 121, 96]),
)
