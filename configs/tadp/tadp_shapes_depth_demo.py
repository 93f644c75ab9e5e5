# What `make demo TASK=depth` trains: the tiny pipeline on ShapeScenes' depth maps.
_base_ = [
    '../_base_/models/tadp_depth_tiny.py',
    '../_base_/datasets/shapescenes_depth.py',
    '../_base_/schedules/shapescenes_1k.py',
    '../_base_/default_runtime_shapescenes.py',
]
# SegTTAModel merges class scores, which depth has none of.
tta_model = None
