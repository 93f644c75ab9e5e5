"""The images of the datasets of an mmseg or mmdet config."""

from collections.abc import Iterator, Sequence
from os.path import abspath, dirname
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, DefaultScope

from mmtadp.utils.resumable import RunError


def config_images(
    config: Config, name: str, splits: Sequence[str] = ('train', 'val', 'test')
) -> list[tuple[str, str]]:
    """Lists the images of a config's datasets.

    Datasets are built as upstream builds them, but without their pipelines (which may read the
    very captions that are to be made) and without filters: an image without objects has a
    caption too. Wrappers such as ``RepeatDataset`` and ``ConcatDataset`` are looked into.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): What messages call the config.
        splits (Sequence[str]): Whose datasets, of 'train', 'val' and 'test'.

    Returns:
        list[tuple[str, str]]: Path and image folder of each image. An image that several
        datasets have is repeated.

    Raises:
        RunError: If the config has no dataset, or one that cannot be built.
    """
    datasets = config_datasets(config, name, splits)
    return [image for dataset in datasets for image in _images(dataset)]


def config_datasets(
    config: Config, name: str, splits: Sequence[str], kept_transforms: Sequence[str] = ()
) -> list[Any]:
    """Builds a config's datasets, without what wraps them and without filters.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): What messages call the config.
        splits (Sequence[str]): Whose datasets, of 'train', 'val' and 'test'.
        kept_transforms (Sequence[str]): What is left of their pipelines: type names that the
            transforms' end with. Defaults to nothing.

    Returns:
        list: Datasets of mmseg or mmdet.

    Raises:
        RunError: If the config has no dataset, or one that cannot be built.
    """
    datasets = []
    found = False
    for split in splits:
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
        if dataset is None:
            continue
        found = True
        try:
            with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
                datasets += _leaves(DATASETS.build(_bare(dataset, tuple(kept_transforms))))
        except Exception as error:
            raise RunError(
                f'{name}: the dataset of {split}_dataloader cannot be read '
                f'({type(error).__name__}: {error}). Set its paths with --cfg-options, or leave '
                f'it out with --splits {" ".join(s for s in splits if s != split) or "..."}.'
            ) from error
    if not found:
        raise RunError(
            f'{name} has no dataset in {" or ".join(f"{split}_dataloader" for split in splits)}.'
        )
    return datasets


def _bare(dataset: Any, kept: tuple[str, ...]) -> Any:
    """A dataset's config without what is done to its images, but for some transforms."""
    if isinstance(dataset, (list, tuple)):
        return [_bare(item, kept) for item in dataset]
    if not isinstance(dataset, dict):
        return dataset
    bare = ConfigDict(
        {k: value if k == 'pipeline' else _bare(value, kept) for k, value in dataset.items()}
    )
    if 'type' in bare:
        if 'pipeline' in bare:
            bare.pipeline = [step for step in bare.pipeline if _type_name(step).endswith(kept)]
        for name in ('filter_cfg', 'lazy_init'):
            bare.pop(name, None)
    return bare


def _type_name(transform: Any) -> str:
    cls = transform['type']
    return cls if isinstance(cls, str) else cls.__name__


def _leaves(dataset: Any) -> Iterator[Any]:
    """Datasets that hold images themselves."""
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


def image_root(dataset: Any, path: str) -> str:
    """The image folder of a dataset, or an image's own if it is not in there.

    Args:
        dataset: Of mmseg or mmdet.
        path (str): Absolute path of one of its images.
    """
    prefix = getattr(dataset, 'data_prefix', None) or {}
    folder = prefix.get('img_path') or prefix.get('img') or getattr(dataset, 'data_root', None)
    inside = folder and path.startswith(abspath(folder) + '/')
    return folder if inside else dirname(path)
