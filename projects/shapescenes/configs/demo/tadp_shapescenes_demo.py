# As tadp_shapescenes, with enough labelled scenes and steps for predictions that look right.
_base_ = [
    '../_base_/models/tadp_fpn_tinysd.py',
    '../_base_/datasets/shapescenes.py',
    '../_base_/schedules/shapescenes_demo.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=16, dataset=dict(indices=4000))
