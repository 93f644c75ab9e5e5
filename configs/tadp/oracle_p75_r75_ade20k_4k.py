# Table S2: an oracle of precision 0.75 and recall 0.75, in training and testing.
_base_ = 'oracle_ade20k_4k.py'
name_classes = dict(**_base_.name_classes, precision=0.75, recall=0.75)
train_pipeline = [*_base_.train_transforms, name_classes, _base_.pack]
test_pipeline = [*_base_.test_transforms, name_classes, _base_.pack]
augmentations = [*_base_.augmentations, [name_classes], [_base_.pack]]
tta_pipeline = [_base_.tta_pipeline[0], dict(type='TestTimeAug', transforms=augmentations)]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
