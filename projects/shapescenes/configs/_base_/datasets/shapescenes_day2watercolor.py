# Train on ShapeScenes by day, test in watercolor.
_base_ = 'shapescenes.py'
target_root = 'data/shapescenes/watercolor'
# The captioner's captions of the target domain, without mentions of the domain.
load_target_caption = dict(
    type='mmtadp.CaptionLoadTransform', ann_file=target_root + '/captions_clean.json'
)
# The null modifier: unchanged captions.
test_pipeline = [load_target_caption, *_base_.test_transforms]
val_dataloader = dict(dataset=dict(data_root=target_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
