# TADP-Oracle: the names of the classes that have boxes (Eq. 5).
_base_ = 'tadp_shapescenes_detection.py'
name_classes = dict(type='mmtadp.OracleCaptionTransform', class_names=_base_.class_names_of_boxes)
train_pipeline = [*_base_.train_transforms[:-1], name_classes, _base_.train_transforms[-1]]
test_pipeline = [*_base_.test_transforms[:-1], name_classes, _base_.test_transforms[-1]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
