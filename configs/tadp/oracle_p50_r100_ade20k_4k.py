# Table S2: an oracle of precision 0.50 and recall 1.00, in training and testing.
_base_ = 'oracle_ade20k_4k.py'
name_classes = dict(
    type='mmtadp.OracleCaptionTransform',
    class_names=_base_.class_names,
    precision=0.5,
    recall=1.0,
)
train_pipeline = [*_base_.train_pipeline[:-2], name_classes, _base_.train_pipeline[-1]]
test_pipeline = [*_base_.test_pipeline[:-2], name_classes, _base_.test_pipeline[-1]]
augment = _base_.augmentations
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[*augment[:-1], [name_classes], augment[-1]]),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
