"""Class names of the datasets of a config."""

from typing import Any, List, Mapping

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

_SPLITS = ('train', 'val', 'test')


def dataset_class_names(config: Config) -> List[str]:
    """Names of the classes, in the order of their labels, as the dataset spells them.

    The dataset is not built, so its files need not be there. What is wrapped, by
    ``RepeatDataset`` or ``ConcatDataset``, has the names of the first dataset inside.

    Args:
        config (Config): Of mmseg or mmdet, with a ``train_dataloader`` or one for testing.

    Returns:
        List[str]: The names.

    Raises:
        ValueError: If there is no dataset, or none that names its classes.
    """
    datasets = [(config.get(f'{split}_dataloader') or {}).get('dataset') for split in _SPLITS]
    datasets = [dataset for dataset in datasets if dataset is not None]
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
        for dataset in datasets:
            names = _names(dataset)
            if names:
                return list(names)
    raise ValueError(
        f'none of the {len(datasets)} datasets of {config.filename} names its classes: set '
        "metainfo=dict(classes=['cat', ...]) in one."
    )


def _names(dataset: Any) -> Any:
    for inside in ('dataset', 'datasets'):
        wrapped = dataset.get(inside) if isinstance(dataset, Mapping) else None
        if wrapped:
            return _names(wrapped[0] if isinstance(wrapped, (list, tuple)) else wrapped)
    metainfo = dataset.get('metainfo')
    if isinstance(metainfo, Mapping) and metainfo.get('classes'):
        return metainfo['classes']
    cls = dataset['type']
    if isinstance(cls, str):
        # As a build does it, from the registry of the default scope.
        with DATASETS.switch_scope_and_registry(None) as registry:
            cls = registry.get(cls)
    return getattr(cls, 'METAINFO', {}).get('classes')
