"""Check the config of a prompt, and complete it."""

import inspect
from typing import Any

from mmengine.logging import print_log

from mmtadp.registry import PROMPTS
from mmtadp.utils.arguments import ArgumentError, check_dict, closest
from mmtadp.utils.class_names import dataset_class_names

# `model` comes from the backbone.
_NOT_KEYS = ('self', 'model')


def complete_prompt(prompt: Any) -> dict:
    """Return the config of a prompt after checking it, with class names if it needs them.

    Args:
        prompt (Any): Argument ``prompt`` of the backbone.

    Returns:
        dict: The config. Where ``class_names`` are required and not given, they are those of the
        dataset, inside :func:`mmtadp.utils.class_names.dataset_names_of`.

    Raises:
        ArgumentError: If it is not a dict with a registered ``type``, it has a key that the type
            does not take, or class names are missing.
    """
    check_dict('prompt', prompt)
    cls = _prompt_type(prompt.get('type'))
    parameters = inspect.signature(cls.__init__).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        keys = [name for name in parameters if name not in _NOT_KEYS]
        check_dict(f'prompt of type {cls.__name__}', prompt, ['type', '_scope_', *keys])
    names = parameters.get('class_names')
    if names is None or names.default is not inspect.Parameter.empty or 'class_names' in prompt:
        return dict(prompt)
    found = dataset_class_names()
    if not found:
        raise ArgumentError(
            f'{cls.__name__} needs class_names, in the wording that the text encoder should see. '
            f"Set model.backbone.prompt=dict(type='{cls.__name__}', class_names=[...]); "
            'configs/_base_/class_names has some. Only tools/train.py, tools/test.py and '
            'init_model take them from the dataset, if it has names.'
        )
    print_log(
        f"{cls.__name__} takes the dataset's {len(found)} class names in its spelling: "
        f'{", ".join(found)}. Set prompt.class_names for another wording.',
        logger='current',
    )
    return dict(prompt, class_names=found)


def _prompt_type(kind: Any) -> type:
    if isinstance(kind, type):
        return kind
    cls = PROMPTS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        PROMPTS.import_from_location()
        known = sorted(PROMPTS.module_dict)
        raise ArgumentError(
            f'prompt.type {kind!r} is not a prompt type. Registered are {", ".join(known)}.'
            f'{closest(kind, known)} A type of your own is registered with '
            '@mmtadp.registry.PROMPTS.register_module() in a module that the config imports.'
        )
    return cls
