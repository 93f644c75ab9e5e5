# Table S2: an oracle of precision 0.50 and recall 0.75, in training and testing.
_base_ = 'oracle_shapescenes.py'
name_classes = dict(**_base_.name_classes, precision=0.5, recall=0.75)
train_pipeline = [*_base_.train_transforms[:-1], name_classes, _base_.train_transforms[-1]]
test_pipeline = [*_base_.test_transforms[:-1], name_classes, _base_.test_transforms[-1]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
