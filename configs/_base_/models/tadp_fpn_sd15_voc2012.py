# The paper names a cross-entropy loss. The published code trains with a sigmoid focal loss (gamma
# 2) and the FPN decoder of another library (128 channels, dropout 0.2).
_base_ = 'tadp_fpn_sd15_ade20k.py'
model = dict(decode_head=dict(num_classes=21))
