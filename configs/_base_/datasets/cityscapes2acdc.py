# The four conditions of ACDC's validation set, which the paper does not test on.
_base_ = 'cityscapes_source.py'
load_acdc_caption = dict(
    type='mmtadp.CaptionLoadTransform',
    ann_file='data/captions/acdc_captions_min=0_max=77.json',
)
fog = dict(
    type='mmtadp.ACDCDataset',
    data_root='data/acdc',
    data_prefix=dict(img_path='rgb_anon/fog/val', seg_map_path='gt/fog/val'),
)
caption_fog = [dict(type='mmtadp.SetDomain', domain='fog'), load_acdc_caption]
night = dict(
    type='mmtadp.ACDCDataset',
    data_root='data/acdc',
    data_prefix=dict(img_path='rgb_anon/night/val', seg_map_path='gt/night/val'),
)
caption_night = [dict(type='mmtadp.SetDomain', domain='night'), load_acdc_caption]
rain = dict(
    type='mmtadp.ACDCDataset',
    data_root='data/acdc',
    data_prefix=dict(img_path='rgb_anon/rain/val', seg_map_path='gt/rain/val'),
)
caption_rain = [dict(type='mmtadp.SetDomain', domain='rain'), load_acdc_caption]
snow = dict(
    type='mmtadp.ACDCDataset',
    data_root='data/acdc',
    data_prefix=dict(img_path='rgb_anon/snow/val', seg_map_path='gt/snow/val'),
)
caption_snow = [dict(type='mmtadp.SetDomain', domain='snow'), load_acdc_caption]
# What is tested on, each with the transforms that load its captions.
targets = [
    (fog, caption_fog),
    (night, caption_night),
    (rain, caption_rain),
    (snow, caption_snow),
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
