# Eq. 5: the caption names the classes that are visible to the network, so it is made after the
# crop. The published captions were made once for each image; those for training name the classes
# of another random crop. To come closer to them, make the caption before the crop, without
# OracleCropTransform after the crop: it then also names classes that the crop removed.
_base_ = ['voc2012.py', '../class_names/voc2012.py']
name_classes = dict(
    type='mmtadp.OracleCaptionTransform',
    class_names=_base_.class_names,
    always_named=['background'],
)
train_transforms = _base_.train_pipeline[:-1]
test_transforms = _base_.test_pipeline[:-1]
augmentations = _base_.tta_pipeline[-1].transforms[:-1]
pack = _base_.test_pipeline[-1]
train_pipeline = [*train_transforms, name_classes, pack]
test_pipeline = [*test_transforms, name_classes, pack]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(type='TestTimeAug', transforms=[*augmentations, [name_classes], [pack]]),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
