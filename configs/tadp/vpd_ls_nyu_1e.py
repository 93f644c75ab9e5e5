# VPD(LS): the room type's average EOS embedding, text adapter and latent scaling.
_base_ = [
    '../_base_/models/vpd_depth_sd15.py',
    '../_base_/datasets/nyu.py',
    '../_base_/schedules/schedule_nyu_1e.py',
    '../_base_/default_runtime_depth.py',
]
