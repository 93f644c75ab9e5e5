# TADP(TA)-20: as TADP-20, with the text adapter (Table S1).
_base_ = 'tadp20_ade20k_8k.py'
model = dict(backbone=dict(prompt=dict(text_adapter=dict())))
