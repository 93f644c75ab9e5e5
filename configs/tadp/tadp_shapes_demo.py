# What `make demo` trains on a CPU in minutes: the tiny pipeline on ShapeScenes, with the captions
# that the generator of the scenes writes.
_base_ = [
    '../_base_/models/tadp_fpn_tiny.py',
    '../_base_/datasets/shapescenes.py',
    '../_base_/schedules/shapescenes_1k.py',
    '../_base_/default_runtime_shapescenes.py',
]
