# TADP in miniature: TinySD with the long captions that the captioner writes from the image.
_base_ = [
    './_base_/models/tadp_fpn_tinysd.py',
    './_base_/datasets/shapescenes.py',
    './_base_/schedules/shapescenes.py',
    './_base_/default_runtime.py',
]
