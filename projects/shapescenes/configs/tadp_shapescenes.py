# TADP in miniature: TinySD with the long captions of a captioner that sees the image alone.
_base_ = [
    './_base_/models/tadp_fpn_tinysd.py',
    './_base_/datasets/shapescenes.py',
    './_base_/schedules/shapescenes.py',
    './_base_/default_runtime.py',
]
