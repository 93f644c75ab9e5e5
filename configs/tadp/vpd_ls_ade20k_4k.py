# VPD(LS): average EOS embeddings, text adapter and latent scaling.
_base_ = [
    '../_base_/models/vpd_fpn_sd15_ade20k.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_ade20k_4k.py',
    '../_base_/default_runtime.py',
]
