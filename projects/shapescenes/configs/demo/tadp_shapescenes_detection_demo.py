# As tadp_shapescenes_detection, with more labelled scenes, steps and scenes per step.
_base_ = [
    '../_base_/models/tadp_faster_rcnn_tinysd.py',
    '../_base_/datasets/shapescenes_detection.py',
    '../_base_/schedules/shapescenes_demo.py',
    '../../../../configs/_base_/default_runtime_det.py',
]
# A step takes longer than that of the other tasks, so it has fewer scenes.
auto_scale_lr = dict(base_batch_size=12)
train_dataloader = dict(batch_size=12, dataset=dict(indices=4000))
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100),
)
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
