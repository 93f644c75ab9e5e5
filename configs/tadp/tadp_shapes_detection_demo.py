# What `make demo TASK=detection` trains: the tiny pipeline on ShapeScenes' boxes.
_base_ = [
    '../_base_/models/tadp_faster_rcnn_tiny.py',
    '../_base_/datasets/shapescenes_detection.py',
    '../_base_/schedules/shapescenes_1k.py',
    '../_base_/default_runtime_det.py',
]
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100),
)
log_processor = dict(by_epoch=False)
visualizer = dict(line_width=1)
randomness = dict(seed=0)
train_cfg = dict(val_interval=1000)
