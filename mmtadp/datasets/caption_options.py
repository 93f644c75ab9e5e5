"""Another caption file or domain wording for a whole config: ``--captions`` and ``--template``."""

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log

from mmtadp.datasets.transforms import DomainModifier
from mmtadp.utils.errors import RunError

_LOAD, _NOUNS, _MODIFIER = 'CaptionLoadTransform', 'NounsTransform', 'DomainModifier'


def set_captions(cfg: Config, files: Sequence[str] | None, template: str | None) -> None:
    """Change the caption files and the wording of a config in all its pipelines.

    This covers the data loaders, nested datasets, ``test_pipeline``, ``tta_pipeline`` and every
    other variable of the config that holds a pipeline.

    Args:
        cfg (Config): The config; it is changed in place.
        files (Sequence[str], optional): Caption files. None leaves the config's own.
        template (str, optional): The template of :class:`.DomainModifier`. None leaves the
            config's own.

    Raises:
        RunError: If a file does not exist, if the config loads no captions, or if the template
            is not one of :class:`.DomainModifier`.
    """
    if files is None and template is None:
        return
    for file in files or ():
        if not os.path.isfile(file):
            raise RunError(f'--captions: there is no file {file}')
    if not any(_transforms(cfg, _LOAD)) and not any(_transforms(cfg, _MODIFIER)):
        option = '--template' if files is None else '--captions'
        raise RunError(
            f'{option}: no pipeline of the config has a {_LOAD}. Its prompt is '
            f'{_prompt_type(cfg)}, which reads no caption file. Take a config with captions, such '
            f"as configs/tadp/tadp40_ade20k_80k.py, or add dict(type='mmtadp.{_LOAD}', "
            "ann_file=...) to its pipelines and 'caption' to their meta_keys."
        )
    for transform in _transforms(cfg, _LOAD) if files is not None else ():
        transform.ann_file = files[0] if len(files) == 1 else list(files)
    if template is not None:
        _set_template(cfg, template)
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        for kind in (_LOAD, _MODIFIER):
            for transform in _transforms(loader, kind):
                text = ', '.join(f'{key}={item!r}' for key, item in transform.items())
                print_log(f'Captions ({name}): {text}', logger='current', level=logging.INFO)


def _walk(value: Any) -> Iterator[Any]:
    """Yield a part of a config and everything in it."""
    yield value
    for item in value.values() if isinstance(value, (dict, Config)) else value:
        if isinstance(item, (dict, list, tuple)):
            yield from _walk(item)


def _transforms(value: Any, kind: str) -> Iterator[ConfigDict]:
    """Yield the config of every transform of a type in a part of a config."""
    return (item for item in _walk(value or {}) if _is(item, kind))


def _is(transform: Any, kind: str) -> bool:
    """Whether a config of a transform names a type, with or without a scope."""
    found = transform.get('type') if isinstance(transform, dict) else None
    return getattr(found, '__name__', str(found)).rpartition('.')[2] == kind


def _set_template(cfg: Config, template: str) -> None:
    for pipeline in list(_walk(cfg)):
        if isinstance(pipeline, list) and not any(_is(item, _MODIFIER) for item in pipeline):
            after = [i for i, item in enumerate(pipeline) if _is(item, _LOAD) or _is(item, _NOUNS)]
            if after:
                pipeline.insert(after[-1] + 1, ConfigDict(type=f'mmtadp.{_MODIFIER}'))
    for transform in _transforms(cfg, _MODIFIER):
        transform.template = template
        _check_template(**{key: item for key, item in transform.items() if key != 'type'})


def _check_template(**arguments: Any) -> None:
    try:
        DomainModifier(**arguments)
    except (ValueError, FileNotFoundError) as error:
        raise RunError(f'--template: {error}') from None


def _prompt_type(cfg: Config) -> str:
    backbone = cfg.get('model', {}).get('backbone', {})
    return str(backbone.get('prompt', {}).get('type', 'not set'))
