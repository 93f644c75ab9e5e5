# Scenes and captions that all tasks on ShapeScenes share.
_base_ = '../class_names/shapescenes.py'
data_root = 'data/shapescenes/day'
image_size = 128  # height and width
# Number of labelled training scenes, the first ones; docs/benchmarks.md has the reason.
num_labelled = 100
# Written by the captioner from the image alone; they name all objects that it recognises.
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=data_root + '/captions_long.json')
# Scenes are small and a run has one core, so no other process loads them.
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(data_root=data_root, indices=num_labelled),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data_root=data_root),
)
test_dataloader = val_dataloader
# Images of a forward on one core, for which the learning rate is.
auto_scale_lr = dict(enable=False, base_batch_size=8)
