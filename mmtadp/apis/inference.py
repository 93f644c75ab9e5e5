"""Inference without a runner."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from mmengine.runner.checkpoint import load_checkpoint
from torch import nn

from mmtadp.engine.hooks import check_learned_tokens, install_prompt_hooks
from mmtadp.models.checks import META_KEY, check_channels, check_prompt
from mmtadp.utils.compat import safe_checkpoint_loading
from mmtadp.utils.dependencies import check_package
from mmtadp.utils.pretrained import no_pretrained_weights

Image = str | Path | np.ndarray
# By name: the two have no base class in common, and mmseg's may not be installed.
_GROUND_TRUTH = {'LoadAnnotations', 'LoadDepthAnnotation'}


def init_model(
    config: str | Path | Config, checkpoint: str | None = None, device: str = 'cpu'
) -> nn.Module:
    """Build a segmentor or detector whose backbone takes prompts.

    Args:
        config (str | Path | Config): The config, of mmseg or mmdet.
        checkpoint (str, optional): Checkpoint of a run. It holds every weight, so the pretrained
            model is not read. None leaves the pretrained backbone with an untrained head.
        device (str): Device of the model. Defaults to 'cpu'.

    Returns:
        nn.Module: The model in eval mode, with ``cfg`` and ``dataset_meta`` set.

    Raises:
        ImportError: If the package of the config's ``default_scope`` cannot be imported.
        ValueError: If the checkpoint was trained with another prompt type, or the neck or head
            takes other channels than the backbone returns.
    """
    if not isinstance(config, Config):
        config = Config.fromfile(config)
    check_package(config.get('default_scope', 'mmseg'))
    init_default_scope(config.get('default_scope', 'mmseg'))
    if checkpoint is None:
        model, meta = MODELS.build(config.model), {}
    else:
        with no_pretrained_weights():
            model = MODELS.build(config.model)
        # Before a mismatch of shapes with the checkpoint hides it.
        check_channels(model)
        with safe_checkpoint_loading():
            meta = load_checkpoint(model, checkpoint, map_location='cpu').get('meta', {})
        check_prompt(model, meta.get(META_KEY))
    model.cfg = config
    model.dataset_meta = meta.get('dataset_meta')
    return install_prompt_hooks(model).to(device).eval()


def inference_model(
    model: nn.Module, images: Sequence[Image], captions: Sequence[str] | None = None
) -> list:
    """Return predictions for images.

    Args:
        model (nn.Module): From :func:`init_model`.
        images (Sequence[str | Path | np.ndarray]): N paths, or BGR images (H, W, 3) in [0, 255].
        captions (Sequence[str], optional): N captions, used as they are: transforms of the config
            with a true class attribute ``writes_caption`` are left out. None keeps these
            transforms, which look captions up by the path of the image.

    Returns:
        list[SegDataSample | DetDataSample]: One per image, with the prediction.

    Raises:
        ValueError: If the numbers of captions and images differ, or if the pipeline writes a
            learned token that the model does not know.
    """
    if captions is not None and len(captions) != len(images):
        raise ValueError(f'{len(captions)} captions for {len(images)} images: give one per image')
    pipeline = _inference_pipeline(model.cfg, images, with_captions=captions is not None)
    check_learned_tokens(model, pipeline, 'inference')
    results = []
    for index, image in enumerate(images):
        sample = dict(img=image) if isinstance(image, np.ndarray) else dict(img_path=str(image))
        if captions is not None:
            sample['caption'] = captions[index]
        packed = pipeline(sample)
        batch = dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
        with torch.no_grad():
            results += model.test_step(batch)
    return results


def _inference_pipeline(config: Config, images: Sequence[Image], with_captions: bool) -> Compose:
    """Return the test pipeline without ground truth and, given captions, without its own."""
    dataset = config.test_dataloader.dataset
    if 'datasets' in dataset:
        if not with_captions:
            raise ValueError(
                f'the config tests on {len(dataset.datasets)} datasets, each with its own '
                'captions: pass the captions of the images'
            )
        # They differ in their captions only.
        dataset = dataset.datasets[0]
    transforms = []
    with TRANSFORMS.switch_scope_and_registry(None) as registry:
        for transform in dataset.pipeline:
            cls = transform['type']
            if isinstance(cls, str):
                cls = registry.get(cls)
            if _GROUND_TRUTH & {base.__name__ for base in getattr(cls, '__mro__', ())}:
                continue
            if with_captions and getattr(cls, 'writes_caption', False):
                continue
            if isinstance(images[0], np.ndarray) and cls.__name__ == 'LoadImageFromFile':
                transform = dict(type='LoadImageFromNDArray')
            transforms.append(transform)
    return Compose(transforms)
