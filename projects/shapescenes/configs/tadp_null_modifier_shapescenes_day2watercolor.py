# The null modifier: captions as they are, in training by day and in testing alike.
_base_ = [
    './_base_/models/tadp_fpn_tinysd.py',
    './_base_/datasets/shapescenes_day2watercolor.py',
    './_base_/schedules/shapescenes.py',
    './_base_/default_runtime.py',
]
