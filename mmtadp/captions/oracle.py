"""Make captions from the classes of a dataset: those of an image's ground truth, or all."""

from collections.abc import Callable, Sequence
from os.path import abspath
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from tqdm import tqdm

from mmtadp.utils.config_datasets import config_datasets, image_root
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_sources import ImageFile

from .keys_of_images import assign_keys

# The only transform of a dataset's own pipeline that runs; mmseg's and mmdet's names end so.
_LOADER = 'LoadAnnotations'


def class_names_caption(class_names: Sequence[str]) -> str:
    """Return the caption that names all classes (TADP, Eq. 3)."""
    return ' '.join(class_names)


def oracle_captions(
    config: Config,
    name: str,
    oracle: Callable[[dict], dict],
    key: str = 'relpath',
    splits: Sequence[str] = ('train', 'val', 'test'),
    root: str | None = None,
) -> dict[str, str]:
    """Caption the images of a config's datasets with the classes of their ground truth.

    The ground truth is that of the whole image, as the dataset's own ``LoadAnnotations`` reads
    it; no other transform of its pipeline runs. The captions equal those of an
    ``OracleCaptionTransform`` before a crop.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): Name of the config in messages.
        oracle (Callable): The ``OracleCaptionTransform`` that chooses and spells the names.
        key (str): Key policy: 'stem', 'filename' or 'relpath'.
        splits (Sequence[str]): Some of 'train', 'val' and 'test'.
        root (str, optional): Folder from which relative keys start. Defaults to the image folder
            of each dataset.

    Returns:
        dict[str, str]: Key to caption, ``''`` for an image without a class.

    Raises:
        RunError: If the datasets cannot be read, have no ``LoadAnnotations``, give an
            image two captions, or two images one key.
    """
    datasets = config_datasets(config, name, splits, kept_transforms=[_LOADER])
    images: dict[str, ImageFile] = {}
    captions: dict[str, str] = {}
    for dataset in datasets:
        if not dataset.pipeline.transforms:
            raise RunError(
                f'{name}: the pipeline of a {type(dataset).__name__} has no {_LOADER}, which '
                'reads the ground truth. Add one, or leave the dataset out with --splits.'
            )
    samples = [(dataset, index) for dataset in datasets for index in range(len(dataset))]
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
        # Not shown where standard error is not a terminal.
        for dataset, index in tqdm(samples, 'reading ground truth', unit='image', disable=None):
            info = dataset.get_data_info(index)
            path = abspath(info['img_path'])
            caption = _caption(dataset, info, oracle)
            folder = abspath(image_root(dataset, path) if root is None else root)
            images.setdefault(path, ImageFile(path, folder))
            if captions.setdefault(path, caption) != caption:
                raise RunError(
                    f'{name} has {path} twice, with different ground truth: {captions[path]!r} '
                    f'and {caption!r}. Choose one with --splits.'
                )
    return {key: captions[path] for key, path in assign_keys(images.values(), key).items()}


def _caption(dataset: Any, info: dict, oracle: Callable[[dict], dict]) -> str:
    path = info['img_path']
    try:
        results = dataset.pipeline(info)
        if results is None:
            raise RunError(f'{_LOADER} skips it')
        return oracle(results)['caption']
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f'the ground truth of {path} cannot be read ({type(error).__name__}: {error}).'
        ) from error
