# What all tasks on ShapeScenes have in common: which scenes are trained and tested on, with which
# captions.
_base_ = '../class_names/shapescenes.py'
data_root = 'data/shapescenes/day'
image_size = 128  # height and width
# As many of the training scenes are labelled, the first ones. docs/benchmarks.md says why.
num_labelled = 100
# The captioner wrote them from the image alone, at length: they name all objects that it sees.
load_caption = dict(type='mmtadp.CaptionLoadTransform', ann_file=data_root + '/captions_long.json')
# Scenes are small and a run has one core, so no process loads them in advance.
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
