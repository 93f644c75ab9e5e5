# TADP-Oracle: the names of the classes in the ground truth.
_base_ = [
    '../_base_/models/tadp_fpn_sd15_voc2012.py',
    '../_base_/datasets/voc2012_oracle.py',
    '../_base_/schedules/schedule_voc2012_15e.py',
    '../_base_/default_runtime_epochs.py',
]
