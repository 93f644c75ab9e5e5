"""Inference without a runner."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader, load_state_dict
from torch import nn

from mmtadp.engine.hooks import check_learned_tokens, install_prompt_hooks
from mmtadp.models.checkpoint_weights import fit_checkpoint
from mmtadp.utils.config_files import read_config
from mmtadp.utils.dependencies import check_package
from mmtadp.utils.errors import RunError
from mmtadp.utils.launch import check_checkpoint
from mmtadp.utils.pretrained import no_pretrained_weights, takes_other_prompts

Image = str | Path | np.ndarray
# By name: the two have no base class in common, and mmseg's may not be installed.
_GROUND_TRUTH = {'LoadAnnotations', 'LoadDepthAnnotation'}


def init_model(
    config: str | Path | Config, checkpoint: str | Path | None = None, device: str = 'cpu'
) -> nn.Module:
    """Build a segmentor or detector whose backbone takes prompts.

    Args:
        config (str | Path | Config): The config, of mmseg or mmdet.
        checkpoint (str | Path, optional): Checkpoint of a run. It holds every weight, so the
            pretrained model is not read, unless the config's ``CaptionPromptHook`` has
            ``check_checkpoint=False``. None leaves the pretrained backbone with an untrained head.
        device (str): Device of the model. Defaults to 'cpu'.

    Returns:
        nn.Module: The model in eval mode, with ``cfg`` and ``dataset_meta`` set.

    Raises:
        ImportError: If the package of the config's ``default_scope`` cannot be imported.
        RunError: If there is no such config, checkpoint or device; if the checkpoint is damaged,
            lacks parts of the model, or was made with another prompt or other settings.
        ValueError: If the neck or head takes other channels than the backbone returns.
    """
    if not isinstance(config, Config):
        config = read_config(config)
    device = _check_device(device)
    content = None
    if checkpoint is not None:
        check_checkpoint(str(checkpoint))
        content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
    scope = config.get('default_scope', 'mmseg')
    check_package(scope)
    init_default_scope(scope)
    others = takes_other_prompts(config)
    with no_pretrained_weights() if content is not None and not others else nullcontext():
        model = MODELS.build(config.model)
    # Before a mismatch of shapes with the checkpoint hides it.
    install_prompt_hooks(model)
    model.cfg = config
    model.dataset_meta = None
    if content is not None:
        fit_checkpoint(model, content, f'the checkpoint {checkpoint}', check=not others)
        load_state_dict(model, content['state_dict'])
        model.dataset_meta = content['meta'].get('dataset_meta')
    return model.to(device).eval()


def _check_device(device: str | torch.device) -> torch.device:
    try:
        device = torch.device(device)
        torch.empty(0, device=device)
    # Without a driver torch raises an AssertionError or RuntimeError, by the kind of device.
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip('.')
        raise RunError(
            f"device='{device}' cannot be used here ({reason}). Take 'cpu', or on a machine with "
            "an NVIDIA GPU 'cuda' or 'cuda:0'."
        ) from error
    return device


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
