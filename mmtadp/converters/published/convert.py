"""Convert a published checkpoint to mmtadp's layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from mmtadp.models import (
    AverageEOSPrompt,
    CaptionPrompt,
    CategoryEOSPrompt,
    FixedPrompt,
    no_pretrained_weights,
)
from mmtadp.models.checkpoint_meta import META_KEY, describe_model
from mmtadp.models.checks import find_backbones
from mmtadp.models.diffusion import load_diffusion_model
from mmtadp.models.diffusion.compvis_keys import fit_pointwise, text_keys, unet_keys, vae_keys
from mmtadp.models.diffusion.compvis_layout import UNKNOWN, leftover_reason
from mmtadp.models.diffusion.state_dicts import check_shapes
from mmtadp.registry import PROMPTS
from mmtadp.utils.tensor_files import WeightsFile, check_finite

from ..checkpoint_file import CheckpointError
from ..tensor_tracker import Report, TensorTracker
from .layouts import Layout, find_layout
from .overrides import model_overrides
from .settings import PublishedSettings, find_settings

_ADVICE = 'Is it a checkpoint of this config: the same prompt, text adapter, classes and sizes?'


@dataclass
class Conversion:
    """A converted checkpoint.

    Attributes:
        checkpoint (dict[str, Any]): ``state_dict`` and ``meta``, as mmengine saves them.
        overrides (dict[str, Any]): Settings that the config needs in addition.
        config (Config): The config with these settings.
        layout (Layout): The layout of the published model.
        settings (PublishedSettings): The settings that it was trained with.
        report (Report): The destination of each tensor.
    """

    checkpoint: dict[str, Any]
    overrides: dict[str, Any]
    config: Config
    layout: Layout
    settings: PublishedSettings
    report: Report


def convert_published(
    file: WeightsFile,
    config: Config,
    latent_scaling: bool | None = None,
    normalisation: str | None = None,
    backbone_only: bool = False,
) -> Conversion:
    """Convert a checkpoint of the published TADP or VPD code.

    Args:
        file (WeightsFile): The checkpoint.
        config (Config): This project's config of the same run. It is not changed.
        latent_scaling (bool, optional): Whether the run scaled latents; overrides the file.
        normalisation (str, optional): How it normalised images, a key of
            :data:`NORMALISATIONS`; overrides the file.
        backbone_only (bool): Leave out the heads.

    Returns:
        Conversion: The checkpoint and its config.

    Raises:
        ValueError: If it is not a published checkpoint, or belongs to another config; mostly a
            :class:`.CheckpointError`.
    """
    tracker = TensorTracker(file, _ADVICE)
    layout = find_layout(tracker, backbone_only)
    settings = find_settings(layout, tracker, file.meta, latent_scaling, normalisation)
    overrides = model_overrides(layout, tracker, settings, config.model, backbone_only)
    config = Config(config.to_dict())
    config.merge_from_dict(dict(model=overrides))

    model = _build(config)
    ((name, backbone),) = find_backbones(model).items()
    _check_prompt(layout, tracker, backbone.prompt)
    state = _take_backbone(layout, tracker, f'{name}.', backbone)
    if isinstance(backbone.prompt, FixedPrompt) and f'{name}.prompt.embeddings' not in state:
        state[f'{name}.prompt.embeddings'] = _compute_embeddings(tracker, config.model.backbone)
    own = model.state_dict()
    if not backbone_only:
        heads = {k: v for k, v in own.items() if k.startswith(layout.head_parts)}
        state.update(layout.head(tracker, heads))
    _drop_the_rest(layout, tracker, backbone.prompt, backbone_only)
    report = tracker.close()
    _leave_out_learned_rows(tracker, state, own, backbone.prompt)
    _check_shapes(tracker, state, own, f'{name}.' if backbone_only else '')

    meta = {META_KEY: describe_model(model), 'converted_from': file.path.name}
    classes = file.meta.get('CLASSES')
    if isinstance(classes, (list, tuple)) and all(isinstance(name, str) for name in classes):
        meta['dataset_meta'] = dict(classes=tuple(classes), palette=file.meta.get('PALETTE'))
    # Detached from the file, and each tensor once.
    state = {key: value.detach().clone().contiguous() for key, value in state.items()}
    checkpoint = dict(meta=meta, state_dict=state)
    return Conversion(checkpoint, overrides, config, layout, settings, report)


def _build(config: Config) -> nn.Module:
    init_default_scope(config.get('default_scope', 'mmseg'))
    # On the meta device tensors have shapes only: no memory, no weights are read.
    with torch.device('meta'), no_pretrained_weights():
        model = MODELS.build(config.model)
    # With its values, for the description of the model.
    if 'data_preprocessor' in config.model:
        model.data_preprocessor = MODELS.build(config.model.data_preprocessor)
    return model


def _check_prompt(layout: Layout, tracker: TensorTracker, prompt: nn.Module) -> None:
    if isinstance(prompt, CaptionPrompt) and not tracker.any_with(layout.text):
        raise CheckpointError(
            f'{tracker.path} has no text encoder ({layout.text}*): it was not trained with '
            'captions. Take a config whose prompt is the one it was trained with, such as '
            "AverageEOSPrompt (configs/tadp/vpd_*.py) for VPD's class embeddings."
        )
    if not layout.adapter_is_used:
        return
    has_adapter = tracker.any_with(layout.adapter)
    if has_adapter != (prompt.text_adapter is not None):
        one, other = ('a', 'no') if has_adapter else ('no', 'a')
        argument = 'dict()' if has_adapter else 'None'
        raise CheckpointError(
            f'{tracker.path} has {one} text adapter ({layout.adapter}*) and the config has '
            f'{other}: set model.backbone.prompt.text_adapter={argument}.'
        )


def _take_backbone(
    layout: Layout, tracker: TensorTracker, prefix: str, backbone: nn.Module
) -> dict[str, Tensor]:
    own = backbone.state_dict()

    def below(part: str) -> list[str]:
        return [key[len(part) :] for key in own if key.startswith(part)]

    key_maps = [
        ('U-Net', 'unet.', layout.unet, unet_keys(below('unet.'))),
        ("autoencoder's encoder", 'vae.', layout.vae(tracker), vae_keys(below('vae.'))),
        *_prompt_key_maps(layout, tracker, backbone.prompt, below),
    ]
    state = {}
    for what, part, source, names in key_maps:
        for key, name in names.items():
            target = part + key
            tensor = tracker.take(source + name, what, prefix + target)
            if tensor is not None:
                state[prefix + target] = fit_pointwise(tensor, own[target].ndim)
    return state


def _prompt_key_maps(
    layout: Layout, tracker: TensorTracker, prompt: nn.Module, below
) -> Sequence[tuple]:
    text = 'prompt.text_encoder.model.'
    names = text_keys(below(text))
    if names and not tracker.any_with(f'{layout.text}text_model.'):
        names = {key: key for key in names}  # as transformers >= 5.6 names them
    key_maps = [('text encoder', text, layout.text, names)]
    if prompt.text_adapter is not None:
        adapter = 'prompt.text_adapter.'
        layers = {f'mlp.{key}': key for key in below(f'{adapter}mlp.')}
        key_maps.append(('text adapter', adapter, layout.adapter, layers))
        key_maps.append(('text adapter', adapter, layout.root, dict(gamma='gamma')))
    if isinstance(prompt, (AverageEOSPrompt, CategoryEOSPrompt)):
        names = dict(embeddings='class_embeddings')
        key_maps.append(('class embeddings', 'prompt.', layout.root, names))
    return key_maps


def _compute_embeddings(tracker: TensorTracker, backbone: Config) -> Tensor:
    """Compute a fixed prompt that is not in the checkpoint by the frozen text encoder."""
    arguments = {key: backbone[key] for key in ('pretrained', 'architecture') if key in backbone}
    model = load_diffusion_model(**arguments)
    prompt = PROMPTS.build(
        dict(_scope_='mmtadp', **backbone.prompt), default_args=dict(model=model)
    )
    tracker.report.notes.append(
        f'backbone.prompt.embeddings: not in the file, computed by the text encoder of '
        f'{arguments.get("pretrained")}'
    )
    return prompt.embeddings


def _drop_the_rest(
    layout: Layout, tracker: TensorTracker, prompt: nn.Module, backbone_only: bool
) -> None:
    for copies, originals in layout.copies.items():
        tracker.drop_copies(copies, originals)
    for prefix, reason in layout.unused.items():
        tracker.drop(reason, lambda key, prefix=prefix: key.startswith(prefix))
    if backbone_only:
        tracker.drop('head, as asked for', lambda key: key.startswith(layout.head_sources))
    vae = layout.vae(tracker)
    rules = {
        'output layers of the U-Net, which has no noise to predict': (f'{layout.unet}out.',),
        'decoding half of the autoencoder': (f'{vae}decoder.', f'{vae}post_quant_conv.'),
    }
    if not isinstance(prompt, (AverageEOSPrompt, CategoryEOSPrompt)):
        rules['class embeddings, not used by this prompt'] = (f'{layout.root}class_embeddings',)
    if prompt.text_adapter is None:
        rules['text adapter, not used by this run'] = (layout.adapter, f'{layout.root}gamma')
    if not isinstance(prompt, CaptionPrompt):
        rules['text encoder, not used by this prompt'] = (layout.text,)
    for reason, prefixes in rules.items():
        tracker.drop(reason, lambda key, prefixes=prefixes: key.startswith(prefixes))
    reasons = {key: _leftover(key, layout, vae) for key in tracker.remaining()}
    for reason in dict.fromkeys(filter(None, reasons.values())):
        tracker.drop(reason, lambda key, reason=reason: reasons[key] == reason)


def _leftover(key: str, layout: Layout, vae: str) -> str | None:
    """Return why a tensor is left out, as of a single file of Stable Diffusion."""
    inside = key.removeprefix(f'{layout.root}sd_model.')
    if key.startswith(vae):
        inside = f'first_stage_model.{key[len(vae) :]}'
    reason = leftover_reason(inside)
    return None if reason == UNKNOWN else reason


def _leave_out_learned_rows(
    tracker: TensorTracker,
    state: dict[str, Tensor | None],
    own: dict[str, Tensor],
    prompt: nn.Module,
) -> None:
    """Leave out rows of learned tokens, which always come from the files of the tokens."""
    learned = sum(token['vectors'] for token in getattr(prompt, 'learned_tokens', ()))
    for key in state:
        if not key.endswith('token_embedding.weight') or len(state[key]) == len(own[key]):
            continue
        if len(state[key]) != len(own[key]) + learned:
            raise CheckpointError(
                f'{tracker.path}: the text encoder has {len(state[key])} tokens, the model of '
                f'this config has {len(own[key]) + learned}. The additional ones are learned '
                "tokens: give the names that captions use for them, such as '<night>', by "
                '--learned-token.'
            )
        state[key] = state[key][: len(own[key])]


def _check_shapes(
    tracker: TensorTracker, state: dict[str, Tensor | None], own: dict[str, Tensor], prefix: str
) -> None:
    missing = [key for key in own if key.startswith(prefix) and key not in state]
    if missing:
        raise CheckpointError(
            f'{tracker.path}: nothing in the published models becomes {len(missing)} tensors of '
            f"this config's model, e.g. '{missing[0]}'. {_ADVICE}"
        )
    check_shapes(str(tracker.path), "config's model", own, state, _ADVICE)
    check_finite(str(tracker.path), state)
