"""Datasets of an mmseg or mmdet config: their images and class names, without a runner."""

from collections.abc import Iterator, Mapping, Sequence
from os.path import abspath, dirname
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, DefaultScope

from .errors import RunError

# Arguments of a dataset that leave images out, or put reading them off.
_SELECTIONS = ('filter_cfg', 'lazy_init')


def config_images(
    config: Config, name: str, splits: Sequence[str] = ('train', 'val', 'test')
) -> list[tuple[str, str]]:
    """Return the images of a config's datasets.

    Datasets are built as upstream builds them, but without their pipelines (which may read the
    captions that are yet to be made) and without filters: an image without objects has a caption,
    too. Wrappers such as ``RepeatDataset`` and ``ConcatDataset`` are opened.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): Name of the config in messages.
        splits (Sequence[str]): Some of 'train', 'val' and 'test'.

    Returns:
        list[tuple[str, str]]: Path and image folder of each image. An image that several
        datasets have is repeated.

    Raises:
        RunError: If the config has no dataset, or a dataset cannot be built.
    """
    datasets = config_datasets(config, name, splits)
    return [image for dataset in datasets for image in _images(dataset)]


def config_datasets(
    config: Config, name: str, splits: Sequence[str], kept_transforms: Sequence[str] = ()
) -> list[Any]:
    """Build a config's datasets, without wrappers and without filters.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): Name of the config in messages.
        splits (Sequence[str]): Some of 'train', 'val' and 'test'.
        kept_transforms (Sequence[str]): Ends of the type names of the transforms that stay in the
            pipelines. Defaults to none.

    Returns:
        list: Datasets of mmseg or mmdet.

    Raises:
        RunError: If the config has no dataset, or a dataset cannot be built.
    """
    configs = _dataset_configs(config, splits)
    if not configs:
        raise RunError(
            f'{name} has no dataset in {" or ".join(f"{split}_dataloader" for split in splits)}.'
        )
    datasets = []
    for split, dataset in configs.items():
        try:
            with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
                datasets += _leaves(DATASETS.build(_bare(dataset, tuple(kept_transforms))))
        except Exception as error:
            raise RunError(
                f'{name}: the dataset of {split}_dataloader cannot be read '
                f'({type(error).__name__}: {error}). Set its paths with --cfg-options, or leave '
                f'it out with --splits {" ".join(s for s in splits if s != split) or "..."}.'
            ) from error
    return datasets


def dataset_class_names(config: Config) -> list[str]:
    """Return the names of the classes, in the order of their labels, as the dataset spells them.

    The dataset is not built, so its files need not exist. A wrapper, such as ``RepeatDataset`` or
    ``ConcatDataset``, has the names of its first dataset.

    Args:
        config (Config): Of mmseg or mmdet, with a ``train_dataloader`` or one for testing.

    Returns:
        list[str]: The names.

    Raises:
        ValueError: If no dataset of the config names its classes.
    """
    datasets = _dataset_configs(config, ('train', 'val', 'test')).values()
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
        for dataset in datasets:
            names = _class_names(dataset)
            if names:
                return list(names)
    raise RunError(
        f'none of the {len(datasets)} datasets of {config.filename} names its classes: set '
        "metainfo=dict(classes=['cat', ...]) in one."
    )


def leaf_configs(dataset: Any) -> Iterator[ConfigDict]:
    """Yield the configs of the datasets that hold images themselves, inside of wrappers.

    Args:
        dataset (dict): Config of a dataset, or of a wrapper such as ``ConcatDataset``.
    """
    if isinstance(dataset, list | tuple):
        for part in dataset:
            yield from leaf_configs(part)
    elif isinstance(dataset, Mapping):
        inner = dataset.get('datasets', dataset.get('dataset'))
        if inner is None:
            yield dataset
        else:
            yield from leaf_configs(inner)


def build_leaf(config: Config, dataset: Mapping, pipeline: Sequence = (), **changes: Any) -> Any:
    """Build a dataset that is not a wrapper, with another pipeline and without filters.

    Args:
        config (Config): Of mmseg or mmdet; its default scope is used.
        dataset (Mapping): One of :func:`leaf_configs`.
        pipeline (Sequence): Configs of transforms. Defaults to none.
        **changes: Arguments of the dataset, such as ``lazy_init=True``.
    """
    bare = {key: value for key, value in dataset.items() if key not in _SELECTIONS}
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
        return DATASETS.build(ConfigDict({**bare, 'pipeline': list(pipeline), **changes}))


def image_root(dataset: Any, path: str) -> str:
    """Return the image folder of a dataset, or the image's own if the image is not in it.

    Args:
        dataset: Of mmseg or mmdet.
        path (str): Absolute path of one of its images.
    """
    prefix = getattr(dataset, 'data_prefix', None) or {}
    folder = prefix.get('img_path') or prefix.get('img') or getattr(dataset, 'data_root', None)
    inside = folder and path.startswith(abspath(folder) + '/')
    return folder if inside else dirname(path)


def _dataset_configs(config: Config, splits: Sequence[str]) -> dict[str, Any]:
    configs = {split: (config.get(f'{split}_dataloader') or {}).get('dataset') for split in splits}
    return {split: dataset for split, dataset in configs.items() if dataset is not None}


def _class_names(dataset: Any) -> Any:
    for inner in ('dataset', 'datasets'):
        wrapped = dataset.get(inner) if isinstance(dataset, Mapping) else None
        if wrapped:
            return _class_names(wrapped[0] if isinstance(wrapped, list | tuple) else wrapped)
    metainfo = dataset.get('metainfo')
    if isinstance(metainfo, Mapping) and metainfo.get('classes'):
        return metainfo['classes']
    cls = dataset['type']
    if isinstance(cls, str):
        # From the registry of the default scope, as a build does it.
        with DATASETS.switch_scope_and_registry(None) as registry:
            cls = registry.get(cls)
    return getattr(cls, 'METAINFO', {}).get('classes')


def _bare(dataset: Any, kept: tuple[str, ...]) -> Any:
    """Return a dataset's config without filters and with some transforms of its pipeline only."""
    if isinstance(dataset, list | tuple):
        return [_bare(item, kept) for item in dataset]
    if not isinstance(dataset, dict):
        return dataset
    bare = ConfigDict(
        {k: value if k == 'pipeline' else _bare(value, kept) for k, value in dataset.items()}
    )
    if 'type' in bare:
        if 'pipeline' in bare:
            bare.pipeline = [step for step in bare.pipeline if _type_name(step).endswith(kept)]
        for name in _SELECTIONS:
            bare.pop(name, None)
    return bare


def _type_name(transform: Any) -> str:
    cls = transform['type']
    return cls if isinstance(cls, str) else cls.__name__


def _leaves(dataset: Any) -> Iterator[Any]:
    """Yield the datasets that hold images themselves."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _leaves(part)
    elif hasattr(dataset, 'dataset'):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset


def _images(dataset: Any) -> Iterator[tuple[str, str]]:
    for index in range(len(dataset)):
        path = abspath(dataset.get_data_info(index)['img_path'])
        yield path, image_root(dataset, path)
