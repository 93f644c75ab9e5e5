"""Say why a dataset has no image, which upstream leaves to NumPy."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from .config_datasets import build_leaf, leaf_configs


def explain_empty(config: Config, dataset: Any) -> str | None:
    """Return why a dataset of a config has no image, and the way out; None if it has some.

    Args:
        config (Config): Of mmseg or mmdet, for its default scope.
        dataset (Mapping): Config of a dataset, or of a wrapper around several.
    """
    for leaf in leaf_configs(dataset):
        if not isinstance(leaf, Mapping):
            continue
        try:
            # Without its files: mmengine joins the paths.
            built = build_leaf(config, leaf, lazy_init=True)
        except Exception:  # Not an empty dataset: the caller has the error.
            continue
        reason = _no_list(built) or _no_file(built) or _all_filtered(config, leaf, built)
        if reason is not None:
            return f'the dataset {type(built).__name__} has no image: {reason}'
    return None


def _no_list(dataset: Any) -> str | None:
    """Return what is wrong with the list of images, or the annotation file."""
    path = getattr(dataset, 'ann_file', '')
    if not path or os.path.isdir(path) or '://' in path:
        return None
    if not os.path.isfile(path):
        return f'ann_file {path} does not exist. {_neighbours(path)}'.rstrip()
    if not os.path.getsize(path) or (path.endswith('.txt') and not _lines(path)):
        return f'ann_file {path} is empty.'
    if path.endswith('.json') and not _listed_images(path):
        return f"ann_file {path} lists no images: its list 'images' is empty or missing."
    return None


def _listed_images(path: str) -> bool:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except (ValueError, RecursionError):  # Not an empty dataset: the caller has the error.
        return True
    # COCO's lists are in a dict; another format is another matter.
    return not isinstance(content, dict) or bool(content.get('images', 'data_list' in content))


def _lines(path: str) -> list[str]:
    with open(path, encoding='utf-8', errors='replace') as file:
        return [line for line in file if line.strip()]


def _no_file(dataset: Any) -> str | None:
    """Return the image folder and the suffixes of its files, for datasets that list a folder."""
    suffix = getattr(dataset, 'img_suffix', None)
    folder = (getattr(dataset, 'data_prefix', None) or {}).get('img_path')
    has_list = os.path.isfile(getattr(dataset, 'ann_file', '') or '')
    if suffix is None or not folder or '://' in folder or has_list:
        return None
    if not os.path.isdir(folder):
        return f'there is no folder {folder}. {_neighbours(folder)}'.rstrip()
    names = [name for _, _, files in os.walk(folder) for name in files]
    suffixes = (suffix,) if isinstance(suffix, str) else tuple(suffix)
    if any(name.endswith(suffixes) for name in names):
        return None
    wanted = ' or '.join(f'*{end}' for end in suffixes)
    found = Counter(os.path.splitext(name)[1] or 'without suffix' for name in names)
    if not found:
        return f'{folder} has no {wanted}, nor any other file. Set data_root or data_prefix.'
    counts = ', '.join(f'{count:,} x {end}' for end, count in found.most_common(5))
    images = [end for end, _ in found.most_common() if end.startswith('.')]
    advice = f" Set img_suffix='{images[0]}' in the dataset." if images else ''
    return f'{folder} has no {wanted} ({counts}).{advice}'


def _neighbours(path: str) -> str:
    """Return what is in the nearest folder above a path that does not exist."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    names = sorted(os.listdir(folder))
    shown = ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
    return f'{folder} has {shown or "no files"}. Set data_root, data_prefix or ann_file.'


def _all_filtered(config: Config, leaf: Mapping, dataset: Any) -> str | None:
    """Return whether ``filter_cfg`` leaves out all images."""
    if not leaf.get('filter_cfg'):
        return None
    try:
        everything = len(build_leaf(config, leaf))
        if len(build_leaf(config, leaf, filter_cfg=leaf['filter_cfg'], serialize_data=False)):
            return None
    except Exception:  # Not an empty dataset: the caller has the error.
        return None
    classes = ', '.join(dataset.metainfo.get('classes') or ())
    return (
        f'filter_cfg={dict(leaf["filter_cfg"])} leaves out all {everything:,} images of '
        f'{dataset.ann_file}. Do its objects have the classes of the config ({classes})?'
    )


def dataset_of(dataloader: Any) -> ConfigDict | None:
    """Return the config of a dataloader's dataset; None if it is built already."""
    found = dataloader.get('dataset') if isinstance(dataloader, Mapping) else None
    return found if isinstance(found, Mapping) else None
