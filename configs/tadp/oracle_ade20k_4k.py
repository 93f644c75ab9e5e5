# TADP-Oracle: the names of the classes in the ground truth (Table S2).
_base_ = [
    '../_base_/models/tadp_fpn_sd15_ade20k.py',
    '../_base_/datasets/ade20k_oracle.py',
    '../_base_/schedules/schedule_ade20k_4k.py',
    '../_base_/default_runtime.py',
]
