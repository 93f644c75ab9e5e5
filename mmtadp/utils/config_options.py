"""Check the keys of ``--cfg-options`` against a config."""

import difflib
import inspect
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from .errors import RunError

# What mmengine, mmseg, mmdet and mmtadp read from the top of a config.
_TOP = {
    *inspect.signature(Runner.__init__).parameters,
    'activation_checkpointing',
    'auto_scale_lr',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'env_cfg',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
    'test_pipeline',
    'tta_model',
    'tta_pipeline',
} - {'self', 'cfg'}
# Taken out of a dict before its class sees it.
_COMMON = {'type', '_scope_', '_delete_', 'convert_to_iter_based', 'constructor', 'paramwise_cfg'}
# `--amp` replaces the wrapper later.
_COMMON |= {'dtype', 'loss_scale'}
_DATALOADER = {'dataset', 'num_batch_per_epoch', *inspect.signature(DataLoader).parameters}


def check_options(config: Config, options: Mapping[str, Any]) -> None:
    """Check that each key changes something.

    A key may be new where the class that its dict is for has such an argument, as ``with_cp`` of
    ``model.backbone``; where mmengine reads it, as ``randomness.seed``; and in a dict without a
    class, if nothing there is spelt almost like it.

    Args:
        config (Config): The config.
        options (Mapping[str, Any]): Values by key, such as ``'model.backbone.timestep'``.

    Raises:
        RunError: If a key fits nothing; the message names the closest one.
    """
    for key, value in options.items():
        _check(config, key, value, options)


def _check(config: Config, key: str, value: Any, options: Mapping[str, Any]) -> None:
    node: Any = config
    parts = key.split('.')
    if not all(parts):
        raise RunError(f'--cfg-options {key}={value}: expected names with single dots, as a.b=1.')
    for number, part in enumerate(parts):
        where = '.'.join(parts[:number])
        if isinstance(node, (list, tuple)):
            node = _item(node, part, where, key)
        elif isinstance(node, (dict, Config)):
            if part not in node:
                _check_new(config, node, part, where, key, options)
                return
            node = node[part]
        else:
            raise RunError(
                f'--cfg-options {key}: {where} is {node!r:.80}, which has no keys. Set '
                f'{where} itself, or write a dict in the config.'
            )
    if isinstance(node, dict) and node and not isinstance(value, (dict, list, tuple, type(None))):
        raise RunError(
            f'--cfg-options {key}={value}: {key} is a dict; set its keys, such as '
            f'{key}.{next(iter(node))}=VALUE, or {key}=None.'
        )
    if parts[0] not in _TOP and not parts[0].startswith('_'):
        _warn_of_variable(parts[0])


def _item(node: list | tuple, part: str, where: str, key: str) -> Any:
    if isinstance(node, tuple):
        raise RunError(
            f"--cfg-options {key}: {where} is a tuple; set the whole of it: {where}='(…,…)'."
        )
    if not part.isdecimal() or int(part) >= len(node):
        last = f'0 to {len(node) - 1}' if node else 'none, as it is empty'
        raise RunError(
            f'--cfg-options {key}: {where} is a list of {len(node)}; an index of it is {last}, '
            f'got {part}.'
        )
    return node[int(part)]


def _check_new(
    config: Config, node: dict | Config, part: str, where: str, key: str, options: Mapping
) -> None:
    """Check a key that a dict does not have yet."""
    known = _arguments(node, where, options, config.get('default_scope'))
    if known is None:
        # Free keys, such as those of custom_keys: only what is almost one of them is an error.
        similar = _similar(part, node, cutoff=0.8)
        if not similar or where.endswith('custom_keys'):
            return
    elif part in known:
        return
    else:
        similar = _similar(part, {*known, *node}, cutoff=0.6)
    place, prefix = (where, f'{where}.') if where else ('the config', '')
    hint = f' Did you mean {prefix}{similar}?' if similar else ''
    if where and known and not similar:
        hint = f' Its keys: {", ".join(sorted(known - _COMMON))}.'
    raise RunError(f'--cfg-options {key}: {place} has no {part}.{hint}')


def _similar(name: str, names: Iterable[str], cutoff: float) -> str | None:
    close = difflib.get_close_matches(name, list(map(str, names)), n=1, cutoff=cutoff)
    return close[0] if close else None


def _arguments(
    node: dict | Config, where: str, options: Mapping[str, Any], default_scope: str | None
) -> set[str] | None:
    """Return the keys that a dict can have, or None for any."""
    if not where:
        return {*_TOP, *node.keys()}
    if where.endswith('dataloader'):
        return _DATALOADER
    scopes = (node.get('_scope_'), default_scope)
    kind = options.get(f'{where}.type', node.get('type'))
    found: set[str] = set()
    for one in _find(kind, scopes):
        parameters = _parameters(one)
        if parameters is None:
            return None
        found |= parameters | _COMMON
    return found or None


def _find(kind: Any, scopes: Iterable[str | None]) -> list[Any]:
    """Return what has this name in any registry: the place in a config does not tell which."""
    if not isinstance(kind, str):
        return [kind] if callable(kind) else []
    for name in [*(f'{scope}.{kind}' for scope in scopes if scope), kind]:
        found = [_get(registry, name) for registry in _registries()]
        found = [one for one in found if one is not None]
        if found:
            return found
    return []


def _registries() -> list[Registry]:
    """Return mmengine's registries, and those of imported packages that have no parent."""
    modules = [module for name, module in list(sys.modules.items()) if name.endswith('.registry')]
    values = [value for module in modules for value in vars(module).values()]
    own = [value for value in values if isinstance(value, Registry) and value.parent is None]
    return list({id(value): value for value in own}.values())


def _get(registry: Registry, name: str) -> Any:
    try:
        return registry.get(name)
    except Exception:  # the import of a package that the name begins with
        return None


def _parameters(one: Any) -> set[str] | None:
    """Return the names of a class's or function's arguments; None if it takes any."""
    if not inspect.isclass(one):
        parameters = inspect.signature(one).parameters.values()
        return None if _takes_any(parameters) else {p.name for p in parameters}
    names: set[str] = set()
    for cls in one.__mro__:
        if '__init__' not in vars(cls):
            continue
        if cls is object:
            return names
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not _takes_any(parameters):
            return names
    return None


def _takes_any(parameters: Iterable[inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _warn_of_variable(name: str) -> None:
    print_log(
        f'--cfg-options {name}: no part of a run reads it. A variable of a config has been used '
        'before the option is applied: set the keys that it was used in, such as '
        'train_dataloader.dataset.pipeline.0.ann_file.',
        logger='current',
        level=logging.WARNING,
    )
