# BLIP-2 captions with at least 0 new tokens (TADP-0), under the authors' file name.
_base_ = 'voc2012.py'
caption_files = 'data/captions/pascal_captions_min=0_max=77.json'
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=caption_files)
train_pipeline = [load_caption, *_base_.train_pipeline]
test_pipeline = [load_caption, *_base_.test_pipeline]
tta_pipeline = [load_caption, *_base_.tta_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
