# Table 4 has Dark Zurich-val and Nighttime Driving; the night of ACDC's validation set is a third.
_base_ = 'cityscapes_source.py'
dark_zurich = dict(
    type='DarkZurichDataset',
    data_root='data/dark_zurich',
    data_prefix=dict(img_path='rgb_anon/val', seg_map_path='gt/val'),
)
caption_dark_zurich = [
    dict(type='mmtadp.SetDomain', domain='dark_zurich'),
    dict(
        type='mmtadp.CaptionLoadTransform',
        ann_file='data/captions/dark_zurich_captions_min=0_max=77.json',
    ),
]
nighttime_driving = dict(
    type='NightDrivingDataset',
    data_root='data/NighttimeDrivingTest',
    data_prefix=dict(
        img_path='leftImg8bit/test', seg_map_path='gtCoarse_daytime_trainvaltest/test'
    ),
)
caption_nighttime_driving = [
    dict(type='mmtadp.SetDomain', domain='nighttime_driving'),
    dict(
        type='mmtadp.CaptionLoadTransform',
        ann_file='data/captions/nighttimedriving_captions_min=0_max=77.json',
    ),
]
acdc_night = dict(
    type='mmtadp.ACDCDataset',
    data_root='data/acdc',
    data_prefix=dict(img_path='rgb_anon/night/val', seg_map_path='gt/night/val'),
)
caption_acdc_night = [
    dict(type='mmtadp.SetDomain', domain='acdc_night'),
    dict(
        type='mmtadp.CaptionLoadTransform',
        ann_file='data/captions/acdc_captions_min=0_max=77.json',
    ),
]
# What is tested on, each with the transforms that load its captions.
targets = [
    (dark_zurich, caption_dark_zurich),
    (nighttime_driving, caption_nighttime_driving),
    (acdc_night, caption_acdc_night),
]
# The null modifier: captions as they are.
modifier = dict(type='mmtadp.DomainModifier', template='{caption}')
train_pipeline = [_base_.load_train_caption, modifier, *_base_.train_transforms]
test_pipeline = [modifier, *_base_.test_transforms]
flip_pipeline = [modifier, *_base_.tta_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
parts = [dict(**target, pipeline=[*caption, *test_pipeline]) for target, caption in targets]
val_dataloader = dict(dataset=dict(datasets=parts))
test_dataloader = val_dataloader
tta_pipeline = [[*caption, *flip_pipeline] for _, caption in targets]
