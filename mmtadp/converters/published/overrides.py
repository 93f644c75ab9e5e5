"""From settings to what a config must say."""

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
    """What ``model`` must say for a converted checkpoint to predict what it did.

    Args:
        layout (Layout): Which published model it is of.
        tracker (TensorTracker): Its tensors.
        settings (PublishedSettings): What it was trained with.
        model (Config): ``model`` of the config that is chosen for it.
        backbone_only (bool): Its heads do not matter.

    Returns:
        Dict[str, Any]: The differences from ``model``, to be merged into it.
    """
    wanted: dict[str, Any] = {}
    if settings.normalisation is not None:
        wanted['data_preprocessor'] = settings.normalisation
    wanted['backbone'] = {}
    if settings.latent_scaling is not None:
        wanted['backbone'].update(latent_scaling=settings.latent_scaling)
    if model.backbone.get('prompt', {}).get('type') == 'ClassEmbeddingsPrompt':
        # The published code does so, Eq. 2 does not.
        wanted['backbone'].update(prompt=dict(keep_first_bos=True))
    if not backbone_only:
        wanted.update(layout.head_settings(tracker))
    return _difference(wanted, model) or {}


def _difference(wanted: Any, current: Any) -> Any | None:
    """Those entries of ``wanted`` that ``current`` has otherwise; None if there are none."""
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
