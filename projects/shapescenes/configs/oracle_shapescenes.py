# TADP-Oracle: the names of the classes in the ground truth (Eq. 5).
_base_ = 'tadp_shapescenes.py'
# The background is in every scene, so its name carries no information: it neither counts as a
# present class (ignore_index) nor is drawn as a wrong name (always_named).
name_classes = dict(
    type='mmtadp.OracleCaptionTransform',
    class_names=_base_.class_names,
    ignore_index=0,
    always_named=['background'],
)
train_pipeline = [*_base_.train_transforms[:-1], name_classes, _base_.train_transforms[-1]]
test_pipeline = [*_base_.test_transforms[:-1], name_classes, _base_.test_transforms[-1]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
