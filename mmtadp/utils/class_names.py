"""The class names of a config's dataset, for prompts that name all classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mmengine.config import Config
from mmengine.registry import DATASETS

_config: ContextVar[Config | None] = ContextVar('config', default=None)


@contextmanager
def dataset_names_of(config: Config) -> Iterator[None]:
    """Build models inside this context with the class names of the config's dataset.

    Args:
        config (Config): Of mmseg or mmdet. A prompt in it that needs ``class_names`` and has none
            takes those of the dataset.
    """
    token = _config.set(config)
    try:
        yield
    finally:
        _config.reset(token)


def dataset_class_names() -> list[str] | None:
    """Return the names that prompts take inside :func:`dataset_names_of`.

    Returns:
        list[str], optional: ``metainfo.classes`` of the dataset, or else those of its class, with
        blanks for underscores. None outside such a context, or if there are none.
    """
    config = _config.get()
    if config is None:
        return None
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        classes = _classes((config.get(loader) or {}).get('dataset'), config)
        if classes:
            return [name.replace('_', ' ') for name in classes]
    return None


def _classes(dataset: dict | None, config: Config) -> list[str] | None:
    while isinstance(dataset, dict):
        if (dataset.get('metainfo') or {}).get('classes'):
            return list(dataset['metainfo']['classes'])
        # Wrappers such as RepeatDataset and ConcatDataset.
        inner = dataset.get('dataset') or next(iter(dataset.get('datasets') or ()), None)
        if inner is None:
            break
        dataset = inner
    if not isinstance(dataset, dict) or 'type' not in dataset:
        return None
    cls = dataset['type']
    if isinstance(cls, str):
        with DATASETS.switch_scope_and_registry(config.get('default_scope')) as registry:
            cls = registry.get(cls)
    return list(getattr(cls, 'METAINFO', {}).get('classes') or ())
