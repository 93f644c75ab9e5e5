"""Runs of each config family on tiny data in its dataset's real layout.

A test writes a few small files below ``tmp_path / 'data'``, changes to ``tmp_path``, and runs what
:func:`tiny_version` makes of a config. The data's paths, the pipelines, the loops, hooks and
evaluators are then those of the config itself.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.runner import Runner

# Channels of the features alone, by the architecture that a config names. What a config has on
# top of them is its prompt's attention maps.
FEATURES = [(320, 640, 1280, 1280), (48, 96, 96, 96)]
TINY_FEATURES = (32, 32, 64, 64)
WIDTH = 16
# Arguments of transforms that are sizes in pixels.
_SIZES = ('crop_size', 'max_size', 'scale', 'scales', 'size')


def tiny_version(
    config: Config, pipeline: Path, work_dir: Path, shrink: int = 8, num_iters: int = 2
) -> Config:
    """A config of the project, made small; its data paths stay as they are.

    Args:
        config: Of an ``EncoderDecoder``, a ``DepthEstimator`` or a ``FasterRCNN``.
        pipeline: Diffusers folder of the tiny pipeline.
        work_dir: Where the run writes.
        shrink: What all image sizes are divided by.
        num_iters: Iterations of training; a loop by epochs gets one epoch of as many (of each
            dataset, where there are several).

    Returns:
        A new config.
    """
    model = _tiny_model(copy.deepcopy(config.model), pipeline, shrink)
    # Into new objects: pipelines share transforms, and each must be shrunk once.
    config = Config({key: _shrunk(value, shrink) for key, value in _items(config)})
    config.model = model
    for split in ('train', 'val', 'test'):
        loader = config.get(f'{split}_dataloader')
        if loader is not None:
            loader.update(num_workers=0, persistent_workers=False)
            loader.batch_size = min(loader.batch_size, 2)
    if config.train_cfg.get('type') == 'EpochBasedTrainLoop' or config.train_cfg.get('by_epoch'):
        config.train_cfg.update(max_epochs=1, val_interval=1, val_begin=1)
        _cut(config.train_dataloader.dataset, num_iters * config.train_dataloader.batch_size)
        interval = 1
    else:
        config.train_cfg.update(max_iters=num_iters, val_interval=num_iters)
        interval = num_iters
    hooks = config.default_hooks
    hooks.checkpoint.interval = interval
    hooks.logger.interval = 1
    config.env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
    config.vis_backends = [dict(type='LocalVisBackend')]
    config.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    # mmengine finds runners and visualizers of the same name again within a process.
    config.experiment_name = config.visualizer.name = str(work_dir).replace('/', '_')
    config.work_dir = str(work_dir)
    config.launcher = 'none'
    config.randomness = dict(seed=0)
    return config


def run(config: Config) -> Runner:
    """The stock runner of a config."""
    return Runner.from_cfg(config)


def allow_amp_on_cpu(monkeypatch) -> None:
    """``AmpOptimWrapper`` insists on an accelerator; what it does in bfloat16 works on a CPU."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)


def _items(config: Config):
    return ((key, value) for key, value in config.to_dict().items() if key != 'model')


def _shrunk(node: Any, shrink: int) -> Any:
    if isinstance(node, Mapping):
        is_module = 'type' in node
        return {
            key: _divided(value, shrink) if is_module and key in _SIZES else _shrunk(value, shrink)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return type(node)(_shrunk(value, shrink) for value in node)
    return node


def _divided(size: Any, shrink: int) -> Any:
    if isinstance(size, Sequence):
        return type(size)(_divided(value, shrink) for value in size)
    return None if size is None else max(1, size // shrink)


def _cut(dataset: ConfigDict, length: int) -> None:
    """Keeps the first images of a dataset, or of each one of a wrapper."""
    if 'dataset' in dataset:
        _cut(dataset.dataset, length)
    elif 'datasets' in dataset:
        for part in dataset.datasets:
            _cut(part, length)
    else:
        dataset.indices = length


def _tiny_model(model: ConfigDict, pipeline: Path, shrink: int) -> ConfigDict:
    model.backbone.pretrained = str(pipeline)
    for settings, keys in (
        (model.data_preprocessor, ('size',)),
        (model.test_cfg, ('crop_size', 'stride')),
    ):
        for key in keys:
            if settings.get(key) is not None:
                settings[key] = _divided(tuple(settings[key]), shrink)
    if 'neck' in model:
        model.neck.update(in_channels=_tiny_channels(model.neck.in_channels), out_channels=WIDTH)
    if 'rpn_head' in model:
        model.rpn_head.update(in_channels=WIDTH, feat_channels=WIDTH)
        model.roi_head.bbox_roi_extractor.out_channels = WIDTH
        model.roi_head.bbox_head.update(in_channels=WIDTH, fc_out_channels=2 * WIDTH)
        return model
    head = model.decode_head
    if head.type == 'VPDDepthHead':
        head.update(
            in_channels=_tiny_channels(head.in_channels),
            embed_dim=WIDTH,
            feature_dim=8 * WIDTH,
            num_deconv_filters=(WIDTH,) * head.get('num_deconv_layers', 3),
        )
    else:
        head.update(in_channels=[WIDTH] * len(head.in_channels), channels=WIDTH)
        head.norm_cfg = dict(head.norm_cfg, type='BN')
    return model


def _tiny_channels(in_channels: Sequence[int]) -> list[int]:
    (features,) = [known for known in FEATURES if known[0] == in_channels[0]]
    maps = [channels - own for channels, own in zip(in_channels, features, strict=True)]
    return [own + tokens for own, tokens in zip(TINY_FEATURES, maps, strict=True)]
