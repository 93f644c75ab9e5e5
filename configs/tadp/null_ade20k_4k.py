# The empty caption for every image (Table S1, "null text").
_base_ = [
    '../_base_/models/tadp_fpn_sd15_ade20k.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_ade20k_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(prompt=dict(type='NullTextPrompt')))
