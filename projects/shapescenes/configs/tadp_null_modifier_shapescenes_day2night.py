# The null modifier: unchanged captions, in training and testing.
_base_ = [
    './_base_/models/tadp_fpn_tinysd.py',
    './_base_/datasets/shapescenes_day2night.py',
    './_base_/schedules/shapescenes.py',
    './_base_/default_runtime.py',
]
