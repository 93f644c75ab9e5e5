# TADP, Table S3 (e): NYUv2, fast schedule, at a constant rate.
_base_ = 'schedule_nyu_25e.py'
max_epochs = 1
param_scheduler = []
train_cfg = dict(max_epochs=max_epochs)
