# Trained on ShapeScenes by day, tested in watercolor.
_base_ = 'shapescenes.py'
target_root = 'data/shapescenes/watercolor'
# Of the target's captions, which the captioner wrote from its images, mentions of its style have
# been cleaned away.
load_target_caption = dict(
    type='mmtadp.CaptionLoadTransform', ann_file=target_root + '/captions_clean.json'
)
# The null modifier: captions as they are.
test_pipeline = [load_target_caption, *_base_.test_transforms]
val_dataloader = dict(dataset=dict(data_root=target_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
