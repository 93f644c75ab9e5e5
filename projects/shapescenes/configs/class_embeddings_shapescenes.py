# Eq. 2: each class name's own tokens.
_base_ = 'null_shapescenes.py'
model = dict(
    backbone=dict(
        prompt=dict(_delete_=True, type='ClassEmbeddingsPrompt', class_names=_base_.class_names)
    ),
    # 25 attention maps, one per token: each name is one.
    neck=dict(in_channels=[48, 121, 121, 96]),
)
