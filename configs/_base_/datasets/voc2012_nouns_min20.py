# The nouns of the captions of at least 20 new tokens (TADP(NO)-20). The published command of that
# name reads a file of nouns made from captions of at least 40.
_base_ = 'voc2012.py'
caption_files = 'data/captions/pascal_captions_min=20_max=77.json'
load_nouns = [
    dict(type='mmtadp.CaptionLoadTransform', ann_file=caption_files),
    dict(type='mmtadp.NounsTransform'),
]
train_pipeline = [*load_nouns, *_base_.train_pipeline]
test_pipeline = [*load_nouns, *_base_.test_pipeline]
tta_pipeline = [*load_nouns, *_base_.tta_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
