# Of all epochs, the model of the lowest error is kept.
_base_ = 'default_runtime_epochs.py'
default_hooks = dict(checkpoint=dict(save_best='rmse', rule='less'))
# SegTTAModel merges class scores, which depth has none of; windows and flips are in the model's
# test_cfg.
tta_model = None
