# The null modifier: captions as they are, in training by day and in testing alike.
_base_ = [
    '../_base_/models/tadp_fpn_tiny.py',
    '../_base_/datasets/shapescenes_day2night.py',
    '../_base_/schedules/shapescenes_1k.py',
    '../_base_/default_runtime_shapescenes.py',
]
