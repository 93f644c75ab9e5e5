_base_ = 'tadp_fpn_sd15.py'
model = dict(decode_head=dict(num_classes=19))
