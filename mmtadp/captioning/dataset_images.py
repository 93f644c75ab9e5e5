"""The images of the datasets of an mmseg or mmdet config."""

from collections.abc import Iterator, Sequence
from os.path import abspath, dirname
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, DefaultScope

from .errors import CaptioningError


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
        CaptioningError: If the config has no dataset, or one that cannot be built.
    """
    images = []
    found = False
    for split in splits:
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
        if dataset is None:
            continue
        found = True
        try:
            with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
                built = DATASETS.build(_bare(dataset))
            images += [image for leaf in _leaves(built) for image in _leaf_images(leaf)]
        except Exception as error:
            raise CaptioningError(
                f'{name}: the dataset of {split}_dataloader cannot be read '
                f'({type(error).__name__}: {error}). Set its paths with --cfg-options, or leave '
                f'it out with --splits {" ".join(s for s in splits if s != split) or "..."}.'
            ) from error
    if not found:
        raise CaptioningError(
            f'{name} has no dataset in {" or ".join(f"{split}_dataloader" for split in splits)}.'
        )
    return images


def _bare(dataset: Any) -> Any:
    """A dataset's config without what is done to its images."""
    if isinstance(dataset, (list, tuple)):
        return [_bare(item) for item in dataset]
    if not isinstance(dataset, dict):
        return dataset
    bare = ConfigDict({key: _bare(value) for key, value in dataset.items()})
    if 'type' in bare:
        if 'pipeline' in bare:
            bare.pipeline = []
        for name in ('filter_cfg', 'lazy_init'):
            bare.pop(name, None)
    return bare


def _leaves(dataset: Any) -> Iterator[Any]:
    """Datasets that hold images themselves."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _leaves(part)
    elif hasattr(dataset, 'dataset'):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset


def _leaf_images(dataset: Any) -> Iterator[tuple[str, str]]:
    prefix = getattr(dataset, 'data_prefix', None) or {}
    folder = prefix.get('img_path') or prefix.get('img') or getattr(dataset, 'data_root', None)
    for index in range(len(dataset)):
        path = abspath(dataset.get_data_info(index)['img_path'])
        inside = folder and path.startswith(abspath(folder) + '/')
        yield path, folder if inside else dirname(path)
