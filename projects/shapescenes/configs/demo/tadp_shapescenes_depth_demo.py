# As tadp_shapescenes_depth, with more labelled scenes, steps and scenes per step.
_base_ = [
    '../_base_/models/tadp_depth_tinysd.py',
    '../_base_/datasets/shapescenes_depth.py',
    '../_base_/schedules/shapescenes_demo.py',
    '../_base_/default_runtime.py',
]
auto_scale_lr = dict(base_batch_size=16)
train_dataloader = dict(batch_size=16, dataset=dict(indices=4000))
# SegTTAModel merges class scores, which depth has none of.
tta_model = None
