# Eq. 5: the caption names the classes that are in what the network sees, so it is made behind the
# crop. The paper's captions were made once for each image and are not published. One made in front
# of the crop is closer to that; without OracleCropTransform behind the crop, it goes on naming
# what was cropped away.
_base_ = ['ade20k.py', '../class_names/ade20k.py']
name_classes = dict(type='mmtadp.OracleCaptionTransform', class_names=_base_.class_names)
train_pipeline = [*_base_.train_pipeline[:-1], name_classes, _base_.train_pipeline[-1]]
test_pipeline = [*_base_.test_pipeline[:-1], name_classes, _base_.test_pipeline[-1]]
augmentations = _base_.tta_pipeline[-1].transforms
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[*augmentations[:-1], [name_classes], augmentations[-1]],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
