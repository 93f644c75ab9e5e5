# For runs of minutes: often logged and saved, so that little is lost by an interruption.
_base_ = '../../../../configs/_base_/default_runtime.py'
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=100, save_best=None))
randomness = dict(seed=0)
