# As tadp_shapescenes, for boxes.
_base_ = [
    './_base_/models/tadp_faster_rcnn_tinysd.py',
    './_base_/datasets/shapescenes_detection.py',
    './_base_/schedules/shapescenes.py',
    '../../../configs/_base_/default_runtime_det.py',
]
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100),
)
log_processor = dict(by_epoch=False)
visualizer = dict(line_width=1)
randomness = dict(seed=0)
