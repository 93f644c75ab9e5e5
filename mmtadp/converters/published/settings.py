"""Find the settings that a published checkpoint was trained with.

They are not all in the file, and the published runs differ: segmentation and depth are trained on
images in [-1, 1], except on Cityscapes, whose images are normalised by ImageNet's mean and
deviation, as for detection; and only some runs scale latents.
"""

import ast
import warnings
from dataclasses import dataclass, field
from typing import Any

from ..tensor_tracker import TensorTracker
from .layouts import Layout

# Mean and standard deviation of red, green and blue in [0, 255].
NORMALISATIONS = {
    'half': dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    'imagenet': dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
}
_CITYSCAPES_CLASSES = 19


@dataclass
class PublishedSettings:
    """Settings that a checkpoint was trained with.

    Attributes:
        latent_scaling (bool, optional): Whether latents were scaled. None if the file does
            not show it; the config's own value stays.
        normalisation (dict, optional): ``mean`` and ``std`` of the images, likewise.
        sources (dict[str, str]): How each of them was found.
        published_arguments (dict[str, Any]): The command line of the run, if the file has it.
    """

    latent_scaling: bool | None = None
    normalisation: dict[str, list[float]] | None = None
    sources: dict[str, str] = field(default_factory=dict)
    published_arguments: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the settings as text."""
        normalisation = self.normalisation and f'mean {self.normalisation["mean"]}'
        values = dict(latent_scaling=self.latent_scaling, normalisation=normalisation)
        return [
            f'{name}: {"as in the config" if value is None else value} ({self.sources[name]})'
            for name, value in values.items()
        ] + [f'published argument {k}: {v}' for k, v in self.published_arguments.items()]


def find_settings(
    layout: Layout,
    tracker: TensorTracker,
    meta: dict[str, Any],
    latent_scaling: bool | None = None,
    normalisation: str | None = None,
) -> PublishedSettings:
    """Find the settings that a checkpoint was trained with.

    Args:
        layout (Layout): Its layout.
        tracker (TensorTracker): Its tensors.
        meta (dict[str, Any]): Metadata of mmcv.
        latent_scaling (bool, optional): The user's value, which overrides the file.
        normalisation (str, optional): The user's value, a key of :data:`NORMALISATIONS`.

    Returns:
        PublishedSettings: What was found.
    """
    config = literal_config(meta.get('config', ''))
    settings = PublishedSettings()
    options = _section(config, 'model', 'opt_dict')
    settings.published_arguments = {k: v for k, v in options.items() if v not in (None, False)}

    found = _latent_scaling(layout, tracker)
    if isinstance(options.get('use_scaled_encode'), bool):
        found = (options['use_scaled_encode'], 'from the config in the file')
    if latent_scaling is not None:
        found = (latent_scaling, 'as asked for')
    settings.latent_scaling, settings.sources['latent_scaling'] = found

    found = _normalisation(layout, tracker, config)
    if normalisation is not None:
        found = (NORMALISATIONS[normalisation], 'as asked for')
    settings.normalisation, settings.sources['normalisation'] = found
    return settings


def _latent_scaling(layout: Layout, tracker: TensorTracker):
    if layout.scaling_shows:
        scaled = not tracker.any_with(layout.unscaled_vae)
        place = layout.scaled_vae if scaled else layout.unscaled_vae
        return scaled, f'the file has the autoencoder in {place}*, as runs {_WITH[scaled]} have'
    if not tracker.any_with(f'{layout.root}sd_model.'):
        return False, 'a checkpoint of VPD, which does not scale'
    if tracker.any_with(layout.text):
        return True, 'not in the file; the published command for captions scales'
    return None, 'not in the file; published runs differ'


_WITH = {True: 'with latent scaling', False: 'without latent scaling'}


def _normalisation(layout: Layout, tracker: TensorTracker, config: dict[str, Any]):
    norm = _section(config, 'img_norm_cfg')
    if _is_colour(norm.get('mean')) and _is_colour(norm.get('std')):
        return {key: list(norm[key]) for key in ('mean', 'std')}, 'from the config in the file'
    bias = tracker.tensors.get('decode_head.conv_seg.bias')
    if bias is not None and len(bias) == _CITYSCAPES_CLASSES:
        return NORMALISATIONS['imagenet'], 'as the published runs on Cityscapes, with 19 classes'
    return NORMALISATIONS[layout.normalisation], f'as the published code for {layout.name}'


def _section(config: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a dict inside a config, or an empty one if it is not there or not a dict."""
    for name in names:
        config = config.get(name) if isinstance(config, dict) else None
    return config if isinstance(config, dict) else {}


def _is_colour(values: Any) -> bool:
    numbers = isinstance(values, list) and [v for v in values if isinstance(v, (int, float))]
    return bool(numbers) and len(numbers) == len(values) == 3


# What a parser and an evaluation of literals raise for text that is not a config, or is made to
# exhaust them.
_NOT_LITERAL = (SyntaxError, ValueError, TypeError, AttributeError, MemoryError, RecursionError)


def literal_config(text: Any) -> dict[str, Any]:
    """Read the values of a config's text without executing it.

    Args:
        text (Any): Assignments of literals and ``dict(...)``, as mmcv writes a config. Anything
            else gives no values.

    Returns:
        dict[str, Any]: Name to value, for values that are literals.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of odd escapes and literals
            tree = ast.parse(text)
    except _NOT_LITERAL:
        return {}
    values = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                values[statement.targets[0].id] = _literal(statement.value)
            except _NOT_LITERAL:
                continue
    return values


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        if getattr(node.func, 'id', None) != 'dict' or node.args:
            raise ValueError('not a literal')
        return {keyword.arg: _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_literal(k): _literal(v) for k, v in zip(node.keys, node.values) if k}
    return ast.literal_eval(node)
