# TADP(TA): as tadp_shapes, with the text adapter.
_base_ = 'tadp_shapes.py'
model = dict(backbone=dict(prompt=dict(text_adapter=dict())))
