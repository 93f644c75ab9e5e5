# VPD(LS): average EOS embeddings, text adapter and latent scaling.
_base_ = [
    '../_base_/models/vpd_fpn_sd15_voc2012.py',
    '../_base_/datasets/voc2012.py',
    '../_base_/schedules/schedule_voc2012_15e.py',
    '../_base_/default_runtime_epochs.py',
]
