_base_ = [
    '../_base_/models/tadp_depth_sd15.py',
    '../_base_/datasets/nyu_captions_min40.py',
    '../_base_/schedules/schedule_nyu_1e.py',
    '../_base_/default_runtime_depth.py',
]
