# Eq. 2: each class name's own tokens.
_base_ = [
    '../_base_/models/tadp_fpn_sd15_voc2012.py',
    '../_base_/datasets/voc2012.py',
    '../_base_/class_names/voc2012.py',
    '../_base_/schedules/schedule_voc2012_15e.py',
    '../_base_/default_runtime_epochs.py',
]
model = dict(
    backbone=dict(
        prompt=dict(
            _delete_=True,
            type='ClassEmbeddingsPrompt',
            class_names=_base_.class_names,
            # The published code keeps the first name's BOS, which makes 24 tokens.
            keep_first_bos=False,
        )
    ),
    # 23 attention maps, one per token: dining table and potted plant have two each.
    neck=dict(in_channels=[320, 663, 1303, 1280]),
)
