# Eq. 3: one caption of all class names for every image.
_base_ = 'null_shapescenes.py'
model = dict(
    backbone=dict(
        prompt=dict(_delete_=True, type='ClassNamesPrompt', class_names=_base_.class_names)
    )
)
