"""Inference without a runner."""

from pathlib import Path
from typing import List, Optional, Sequence, Union

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import load_checkpoint
from torch import nn

from mmtadp.engine.hooks import check_learned_tokens, check_prompt, install_prompt_hooks
from mmtadp.engine.hooks.caption_prompt_hook import META_KEY
from mmtadp.models import no_pretrained_weights
from mmtadp.utils.compat import safe_checkpoint_loading
from mmtadp.utils.dependencies import check_package

Image = Union[str, Path, np.ndarray]
# What makes a caption, or another one of it.
_CAPTION_TRANSFORMS = {
    'CaptionLoadTransform',
    'DomainModifier',
    'NounsTransform',
    'OracleCaptionTransform',
    'OracleCropTransform',
}


def init_model(
    config: Union[str, Path, Config], checkpoint: Optional[str] = None, device: str = 'cpu'
) -> nn.Module:
    """Builds a segmentor or detector whose backbone takes prompts.

    Args:
        config (str, Path or Config): The config, of mmseg or mmdet.
        checkpoint (str, optional): What a run saved. It holds every weight, so the pretrained
            model is not read. None leaves the pretrained backbone with an untrained head.
        device (str): Where to put it. Defaults to 'cpu'.

    Returns:
        nn.Module: The model in eval mode, with ``cfg`` and ``dataset_meta`` set.

    Raises:
        ImportError: If the package of the config's ``default_scope`` cannot be imported.
        ValueError: If the checkpoint was trained with another prompt type.
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
        with safe_checkpoint_loading():
            meta = load_checkpoint(model, checkpoint, map_location='cpu').get('meta', {})
        check_prompt(model, meta.get(META_KEY))
    model.cfg = config
    model.dataset_meta = meta.get('dataset_meta')
    return install_prompt_hooks(model).to(device).eval()


def inference_model(
    model: nn.Module, images: Sequence[Image], captions: Optional[Sequence[str]] = None
) -> List:
    """Predicts what is in images.

    Args:
        model (nn.Module): From :func:`init_model`.
        images (Sequence[str, Path or np.ndarray]): N paths, or BGR images (H, W, 3) in [0, 255].
        captions (Sequence[str], optional): N captions, used as they are. None leaves it to the
            config's own pipeline, which looks them up by the path of the image.

    Returns:
        List[SegDataSample or DetDataSample]: One per image, with the prediction.

    Raises:
        ValueError: If there are not as many captions as images, or if the pipeline writes a
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
    """The test pipeline without ground truth and, if captions are given, without theirs."""
    skipped = {'LoadAnnotations', 'LoadDepthAnnotation'}
    if with_captions:
        skipped |= _CAPTION_TRANSFORMS
    dataset = config.test_dataloader.dataset
    if 'datasets' in dataset:
        if not with_captions:
            raise ValueError(
                f'the config tests on {len(dataset.datasets)} datasets, each with captions of its '
                'own: give the captions of the images'
            )
        # They differ in their captions only.
        dataset = dataset.datasets[0]
    transforms = []
    for transform in dataset.pipeline:
        name = transform['type'].split('.')[-1]
        if name == 'LoadImageFromFile' and isinstance(images[0], np.ndarray):
            transform = dict(type=transform['type'].replace(name, 'LoadImageFromNDArray'))
        if name not in skipped:
            transforms.append(transform)
    return Compose(transforms)
