_base_ = [
    '../_base_/models/tadp_fpn_sd15_ade20k.py',
    '../_base_/datasets/ade20k_captions_min0.py',
    '../_base_/schedules/schedule_ade20k_4k.py',
    '../_base_/default_runtime.py',
]
