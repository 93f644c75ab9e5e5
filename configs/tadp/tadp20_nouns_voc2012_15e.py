# TADP(NO)-20: the nouns of each caption.
_base_ = [
    '../_base_/models/tadp_fpn_sd15_voc2012.py',
    '../_base_/datasets/voc2012_nouns_min20.py',
    '../_base_/schedules/schedule_voc2012_15e.py',
    '../_base_/default_runtime_epochs.py',
]
