# The null modifier: captions as they are, on either side.
_base_ = [
    '../_base_/models/tadp_faster_rcnn_sd15.py',
    '../_base_/datasets/voc2watercolor.py',
    '../_base_/schedules/schedule_det_100e.py',
    '../_base_/default_runtime_det.py',
]
