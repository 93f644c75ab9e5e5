# VPD(R), the paper's reproduction of VPD: as VPD(LS), without latent scaling.
_base_ = 'vpd_ls_voc2012_15e.py'
model = dict(backbone=dict(latent_scaling=False))
