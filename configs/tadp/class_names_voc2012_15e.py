# Eq. 3: one caption of all class names for every image.
_base_ = [
    '../_base_/models/tadp_fpn_sd15_voc2012.py',
    '../_base_/datasets/voc2012.py',
    '../_base_/class_names/voc2012.py',
    '../_base_/schedules/schedule_voc2012_15e.py',
    '../_base_/default_runtime_epochs.py',
]
model = dict(
    backbone=dict(
        prompt=dict(_delete_=True, type='ClassNamesPrompt', class_names=_base_.class_names)
    )
)
