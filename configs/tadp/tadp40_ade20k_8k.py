_base_ = [
    '../_base_/models/tadp_fpn_sd15_ade20k.py',
    '../_base_/datasets/ade20k_captions_min40.py',
    '../_base_/schedules/schedule_ade20k_8k.py',
    '../_base_/default_runtime.py',
]
