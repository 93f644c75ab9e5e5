# TADP(TA): as tadp_shapescenes, with the text adapter.
_base_ = 'tadp_shapescenes.py'
model = dict(backbone=dict(prompt=dict(text_adapter=dict())))
