_base_ = 'tadp_fpn_sd15_ade20k.py'
model = dict(decode_head=dict(num_classes=19))
