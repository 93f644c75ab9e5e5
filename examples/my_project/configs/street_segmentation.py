# Street scenes with 11 classes. Masks count classes from 1, and 0 marks ignored pixels. This is as
# in ADE20K, so the pipelines of the base fit.
_base_ = 'mmtadp::tadp/tadp40_ade20k_4k.py'

# fmt: off
classes = (
    'sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence', 'car', 'pedestrian',
    'bicyclist',
)
# fmt: on
streets = dict(type='BaseSegDataset', data_root='data/streets', metainfo=dict(classes=classes))
# Replaces the caption file at the start of each pipeline of the base.
captions = dict(type='mmtadp.CaptionLoadTransform', ann_file='data/streets/captions.json')
train_pipeline = [captions, *_base_.train_pipeline[1:]]
test_pipeline = [captions, *_base_.test_pipeline[1:]]
tta_pipeline = [captions, *_base_.tta_pipeline[1:]]
train_dataloader = dict(
    batch_size=4, dataset=dict(**streets, reduce_zero_label=True, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(**streets, reduce_zero_label=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(
    # The prompt: captions as before, with VPD's text adapter after the text encoder.
    backbone=dict(prompt=dict(text_adapter=dict()), with_cp=True),
    decode_head=dict(num_classes=len(classes)),
)
