# Trained on Pascal VOC's 20 classes, tested on Watercolor2k, which has boxes of 6 of these
# classes. Both metrics average over the classes that have ground truth.
_base_ = 'voc0712.py'
# Published without mentions of the style.
load_target_caption = dict(
    type='mmtadp.CaptionLoadTransform', ann_file='data/captions/watercolor_captions.json'
)
test_pipeline = [load_target_caption, *_base_.test_transforms]
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmtadp.Watercolor2kDataset',
        metainfo=dict(classes=_base_.classes),
        data_root='data/watercolor/',
        ann_file='ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root=''),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
