"""Compare the weights of a checkpoint with the model that they are loaded into."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmtadp.utils.errors import RunError
from mmtadp.utils.pretrained import CHANGE_ON_PURPOSE
from mmtadp.utils.tensor_files import check_finite

from .checkpoint_meta import META_KEY, Comparison, compare_model, unwrap
from .checks import find_backbones

# Prefix of every key of a model that DistributedDataParallel wraps.
_PARALLEL = 'module.'
# Upstream ignores the number of batches that a batch norm has seen.
_NOT_NEEDED = 'num_batches_tracked'
_MAX_NAMES = 12
# Embeddings that another machine has computed differ by less, relative to their largest value.
_ROUNDING = 1e-3


def fit_checkpoint(
    model: nn.Module, checkpoint: dict, source: str, whole: bool = True, check: bool = True
) -> None:
    """Check a checkpoint before it is loaded, and make its weights fit the model.

    Where the prompt changes on purpose, the frozen parts of the model's own prompt take the place
    of the checkpoint's: they depend on ``pretrained`` and on the arguments of the prompt, not on
    training.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.
        checkpoint (dict): Content of the file. It is changed: it gets ``state_dict`` and ``meta``,
            keys lose the prefix of wrappers.
        source (str): Where it came from, for messages.
        whole (bool): The checkpoint must hold the whole model, as for testing and resuming. False
            takes what fits outside of the backbone and logs the rest, for fine-tuning. Defaults
            to True.
        check (bool): Refuse a checkpoint of another prompt or other settings. Defaults to True.

    Raises:
        RunError: If it is not a checkpoint, was made with other settings, lacks tensors of the
            model, has some of another shape, or holds NaN or infinity.
    """
    model = unwrap(model)
    _normalise(checkpoint, source)
    comparison = compare_model(model, checkpoint['meta'].get(META_KEY))
    _tell(comparison, source, check)
    # A buffer may be infinite from the start, such as a mask of attention.
    infinite = {name for name, value in model.named_buffers() if not torch.isfinite(value).all()}
    averaged = checkpoint.get('ema_state_dict')
    # EMAHook's average of the weights keeps the prefix of its wrapper.
    for weights, prefix in ((checkpoint['state_dict'], ''), (averaged, _PARALLEL)):
        if weights is None:
            continue
        for name, backbone in find_backbones(model).items():
            if not check:
                differ = name in comparison.frozen_differ
                _fit_prompt(weights, f'{prefix}{name}.', backbone, differ, source)
            if weights is not averaged:
                _compare_frozen(weights, f'{name}.prompt.', backbone, source)
        bare = {
            key.removeprefix(prefix): value
            for key, value in weights.items()
            if key.startswith(prefix) and isinstance(value, Tensor)
        }
        finite = {key: value for key, value in bare.items() if key not in infinite}
        check_finite(source, finite, 'Take an earlier checkpoint of the run')
        if whole or weights is not averaged:
            _check_parts(bare, model, source, whole, check)


def check_resumable(checkpoint: dict, source: str) -> None:
    """Refuse to continue a run from a checkpoint that holds its weights alone.

    Args:
        checkpoint (dict): Content of the file, after :func:`fit_checkpoint`.
        source (str): Where it came from, for messages.

    Raises:
        RunError: If it lacks the position of the run, its log or the state of the optimizer,
            without which mmengine would go on with a new one.
    """
    missing = [key for key in ('epoch', 'iter') if key not in checkpoint['meta']]
    missing += [key for key in ('message_hub', 'optimizer') if key not in checkpoint]
    if missing:
        raise RunError(
            f'{source} cannot be resumed: it has no {", ".join(missing)}, so it holds weights '
            'without the whole state of a run, as the files best_*.pth do. Resume from the last '
            'checkpoint, or start a new run from the weights: set load_from= and do not resume.'
        )


def _normalise(checkpoint: Any, source: str) -> None:
    """Give a checkpoint the entries that mmengine writes, with the keys of the bare model."""
    if not isinstance(checkpoint, dict):
        raise RunError(
            f'{source} holds a {type(checkpoint).__name__}, not a checkpoint: a dict whose entry '
            "'state_dict' has tensors by name."
        )
    if 'state_dict' not in checkpoint:
        weights = dict(checkpoint)
        checkpoint.clear()
        checkpoint['state_dict'] = weights
    weights, meta = checkpoint['state_dict'], checkpoint.setdefault('meta', {})
    odd = _not_weights(weights)
    if odd is not None:
        raise RunError(
            f"{source} has no weights: expected an entry 'state_dict' with tensors by name, found "
            f'{odd}.'
        )
    if not isinstance(meta, dict):
        raise RunError(
            f'{source} is damaged: its meta is {meta!r:.60}, not a dict. Take another checkpoint '
            'of the run.'
        )
    if all(key.startswith(_PARALLEL) for key in weights):
        # In place, as hooks and the runner share the dict.
        bare = {key.removeprefix(_PARALLEL): value for key, value in weights.items()}
        weights.clear()
        weights.update(bare)


def _not_weights(weights: Any) -> str | None:
    """Return what is in the place of weights by name; None if there are weights."""
    if not isinstance(weights, Mapping):
        return f'{weights!r:.60}'
    if not weights:
        return 'an empty one'
    # What a module's get_extra_state returns may be anything.
    odd = [
        key
        for key, value in weights.items()
        if not isinstance(key, str)
        or not (isinstance(value, Tensor) or key.endswith('_extra_state'))
    ]
    more = ', …' if len(odd) > 3 else ''
    found = ', '.join(f'{key!r}: {type(weights[key]).__name__}' for key in odd[:3])
    return f'{found}{more}' if odd else None


def _tell(comparison: Comparison, source: str, check: bool) -> None:
    for remark in comparison.remarks:
        print_log(f'{source}: {remark}.', logger='current', level=logging.WARNING)
    if not comparison.differences:
        return
    differences = '; '.join(comparison.differences)
    if check:
        raise RunError(
            f'{source} was made with another prompt or other settings: {differences}. Use the '
            f'config it was trained with. {CHANGE_ON_PURPOSE}'
        )
    print_log(
        f'{source} was made with another prompt or other settings, as check_checkpoint=False '
        f'allows: {differences}.',
        logger='current',
        level=logging.WARNING,
    )


def _fit_prompt(
    weights: dict[str, Tensor], prefix: str, backbone: nn.Module, differs: bool, source: str
) -> None:
    """Replace what is frozen under ``prompt.`` if it differs, and drop what the model lacks."""
    prefix += 'prompt.'
    if not any(key.startswith(prefix.removesuffix('prompt.')) for key in weights):
        return
    trained = {n for n, p in backbone.prompt.named_parameters() if p.requires_grad}
    own = backbone.prompt.state_dict()
    fits = {k for k in own if prefix + k in weights and weights[prefix + k].shape == own[k].shape}
    # Without a description, the tensors tell whether the prompts differ.
    frozen = own.keys() - trained
    kept = (frozen if differs or not frozen <= fits else set()) | (trained - fits)
    if kept - trained and backbone.without_weights:
        raise RunError(
            f'{source} has another prompt, so the model needs the pretrained weights of its own. '
            'Build it outside `no_pretrained_weights()`.'
        )
    dropped = [k for k in weights if k.startswith(prefix) and k.removeprefix(prefix) not in own]
    for key in dropped:
        del weights[key]
    weights.update({prefix + key: own[key] for key in kept})
    for what, keys in (
        ("kept as the model's own", (prefix + key for key in sorted(kept - trained))),
        ('not in the checkpoint, so untrained', (prefix + key for key in sorted(kept & trained))),
        ('left out, as the model lacks it', dropped),
    ):
        parts = _parts(keys, prefix.count('.') + 1)
        if parts:
            print_log(f'{source}: {what}: {parts}', logger='current', level=logging.WARNING)


def _compare_frozen(
    weights: Mapping[str, Tensor], prefix: str, backbone: nn.Module, source: str
) -> None:
    """Tell if the checkpoint's text encoder or embeddings are others than the config's own."""
    trained = {name for name, p in backbone.prompt.named_parameters() if p.requires_grad}
    other = []
    for name, own in backbone.prompt.state_dict().items():
        value = weights.get(prefix + name)
        # Without weights, the model has its own embeddings only if it has read a file of them.
        unknown = backbone.without_weights and (name != 'embeddings' or not own.any())
        if name in trained or unknown or not isinstance(value, Tensor) or value.shape != own.shape:
            continue
        own = own.to(value)
        if (own - value).abs().max() > _ROUNDING * own.abs().max():
            other.append(prefix + name)
    if other:
        print_log(
            f'{source}: its {_parts(other, prefix.count(".") + 1)} differ from those that '
            '`pretrained` or `embeddings` of this config give; those of the checkpoint are used.',
            logger='current',
            level=logging.WARNING,
        )


def _parts(keys: Iterable[str], depth: int) -> str:
    """Return the parts of a model that hold tensors, and how many each."""
    counts: dict[str, int] = {}
    for key in keys:
        part = '.'.join(key.split('.')[:depth])
        counts[part] = counts.get(part, 0) + 1
    return ', '.join(
        f'{part} ({count} tensor{"s" * (count > 1)})' for part, count in counts.items()
    )


def _check_parts(
    weights: Mapping[str, Tensor], model: nn.Module, source: str, whole: bool, check: bool
) -> None:
    """Refuse, or log, tensors that are missing, misshapen or unexpected."""
    own = {key: value for key, value in model.state_dict().items() if isinstance(value, Tensor)}
    missing = [key for key in own if key not in weights and _NOT_NEEDED not in key]
    misshapen = [k for k, v in own.items() if k in weights and weights[k].shape != v.shape]
    unexpected = [key for key in weights if key not in own]
    # What belongs to a part that the model has would change its output; a part that it does not
    # have, such as an auxiliary head, would not.
    children = dict(model.named_children())
    misplaced = [key for key in unexpected if key.partition('.')[0] in children]
    if whole and (missing or misshapen or (misplaced and check)):
        problems = _problems(weights, own, missing, misshapen, misplaced)
        raise RunError(
            f'{source} is not a checkpoint of the whole model of this config: {problems}. Use the '
            'config it was trained with, or, to train from it with other heads or classes, set '
            'load_from= and train.'
        )
    if len(unexpected) == len(weights):
        raise RunError(
            f"{source} is of another model: none of its tensors, e.g. '{unexpected[0]}', is in "
            f"that of this config, which has e.g. '{next(iter(own))}'."
        )
    problems = _problems(weights, own, missing, misshapen, unexpected, _MAX_NAMES)
    if problems:
        print_log(
            f'{source} was not loaded completely: {problems}. The others of the model keep their '
            'initial values.',
            logger='current',
            level=logging.WARNING,
        )


def _problems(
    weights: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    missing: list[str],
    misshapen: list[str],
    unexpected: list[str],
    names: int = 2,
) -> str:
    shapes = [
        f'{key} is {tuple(weights[key].shape)} in the checkpoint and {tuple(own[key].shape)} in '
        'the model'
        for key in misshapen
    ]
    sentences = [
        (f'it lacks {len(missing)} of {len(own)} tensors', missing),
        (f'{len(misshapen)} of its tensors have another shape', shapes),
        (f'the model has no place for {len(unexpected)} of its tensors', unexpected),
    ]
    return '; '.join(f'{text} ({_some(found, names)})' for text, found in sentences if found)


def _some(items: list[str], number: int) -> str:
    more = '' if len(items) <= number else ', …'
    return ', '.join(items[:number]) + more
