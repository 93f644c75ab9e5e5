"""Derive config overrides from the settings of a published run."""

from typing import Any

from mmengine.config import Config

from ..tensor_tracker import TensorTracker
from .layouts import Layout
from .settings import PublishedSettings


def model_overrides(
    layout: Layout,
    tracker: TensorTracker,
    settings: PublishedSettings,
    model: Config,
    backbone_only: bool = False,
) -> dict[str, Any]:
    """Return the settings of ``model`` with which a converted checkpoint predicts as before.

    Args:
        layout (Layout): Its layout.
        tracker (TensorTracker): Its tensors.
        settings (PublishedSettings): The settings that it was trained with.
        model (Config): ``model`` of the config for it.
        backbone_only (bool): Leave out its heads.

    Returns:
        dict[str, Any]: The differences from ``model``, to be merged into it.
    """
    wanted: dict[str, Any] = {}
    if settings.normalisation is not None:
        wanted['data_preprocessor'] = settings.normalisation
    wanted['backbone'] = {}
    if settings.latent_scaling is not None:
        wanted['backbone'].update(latent_scaling=settings.latent_scaling)
    if model.backbone.get('prompt', {}).get('type') == 'ClassEmbeddingsPrompt':
        # As in the published code; Eq. 2 of the paper differs.
        wanted['backbone'].update(prompt=dict(keep_first_bos=True))
    if not backbone_only:
        wanted.update(layout.head_settings(tracker))
    return _difference(wanted, model) or {}


def _difference(wanted: Any, current: Any) -> Any | None:
    """Return the entries of ``wanted`` that differ in ``current``; None if there are none."""
    if not isinstance(wanted, dict):
        if isinstance(current, tuple):
            current = list(current)
        return None if wanted == current else wanted
    if wanted.get('_delete_'):
        rest = {key: value for key, value in wanted.items() if key != '_delete_'}
        return None if rest == current else wanted
    current = current or {}
    pairs = ((key, _difference(value, current.get(key))) for key, value in wanted.items())
    return {key: value for key, value in pairs if value is not None} or None
