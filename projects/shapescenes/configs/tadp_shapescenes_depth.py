# As tadp_shapescenes, for depth.
_base_ = [
    './_base_/models/tadp_depth_tinysd.py',
    './_base_/datasets/shapescenes_depth.py',
    './_base_/schedules/shapescenes.py',
    './_base_/default_runtime.py',
]
# SegTTAModel merges class scores, which depth does not have.
tta_model = None
