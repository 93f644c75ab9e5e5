"""Inference without a runner."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope, init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader, load_state_dict
from torch import nn

from mmtadp.engine.hooks import check_learned_tokens, install_prompt_hooks
from mmtadp.models.checkpoint_weights import fit_checkpoint
from mmtadp.models.diffusion.text_encoder import check_caption
from mmtadp.utils.class_names import dataset_names_of
from mmtadp.utils.config_files import read_config
from mmtadp.utils.dependencies import check_package
from mmtadp.utils.errors import RunError
from mmtadp.utils.launch import check_checkpoint
from mmtadp.utils.pretrained import no_pretrained_weights, takes_other_prompts

from .images import Image, check_images, explain_unreadable

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
    without = no_pretrained_weights() if content is not None and not others else nullcontext()
    with without, dataset_names_of(config):
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
    model: nn.Module,
    images: Image | Sequence[Image],
    captions: str | Sequence[str] | None = None,
) -> Any:
    """Return predictions for one image or several.

    Threads can share a model.

    Args:
        model (nn.Module): From :func:`init_model`.
        images (str | Path | np.ndarray | Sequence): One image, or N in a list: paths, or BGR
            images (H, W, 3) in [0, 255], uint8 or floats.
        captions (str | Sequence[str], optional): The caption of the image, or N captions, used as
            they are: transforms of the config with a true class attribute ``writes_caption`` are
            left out. None keeps these transforms, which look captions up by the path of the image.

    Returns:
        SegDataSample | DetDataSample | list: The sample with the prediction, or for a list of
        images a list of them.

    Raises:
        RunError: If an image does not exist or cannot be read, an array is not an image in
            [0, 255], the numbers of captions and images differ, a caption is not text, or the
            pipeline writes a learned token that the model does not know.
    """
    single = isinstance(images, (str, Path, np.ndarray))
    images = check_images(images)
    if captions is not None:
        captions = _check_captions(captions, images)
    results = []
    for index, image in enumerate(images):
        is_array = isinstance(image, np.ndarray)
        sample = dict(img=image, img_path=None) if is_array else dict(img_path=image)
        if captions is not None:
            sample['caption'] = captions[index]
        packed = _run(_pipeline(model, is_array, captions is not None), sample, index)
        batch = dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
        with torch.no_grad():
            results += model.test_step(batch)
    return results[0] if single else results


def _check_captions(captions: str | Sequence[str], images: list) -> list[str]:
    captions = [captions] if isinstance(captions, str) else list(captions)
    if len(captions) != len(images):
        raise RunError(f'{len(captions)} captions for {len(images)} images: give one per image')
    for index, (caption, image) in enumerate(zip(captions, images)):
        check_caption(caption, image if isinstance(image, str) else f'image {index}')
    return captions


def _run(pipeline: Compose, sample: dict, index: int) -> dict:
    path = sample['img_path']
    try:
        packed = pipeline(sample)
    except Exception as error:
        reason = explain_unreadable(path) if path is not None else None
        if path is None and any(getattr(t, 'writes_caption', False) for t in pipeline.transforms):
            reason = (
                f"image {index} is an array, and the config's captions are looked up by the "
                f'path of an image ({error}). Pass `captions`.'
            )
        if reason is None:
            raise
        raise RunError(reason) from error
    if packed is None:
        raise RunError(f'the test pipeline dropped image {index}, {path or "an array"}.')
    return packed


# Pipelines of models: built once, as building one parses caption files.
_pipelines: WeakKeyDictionary[nn.Module, dict] = WeakKeyDictionary()
# Building one changes the default scope, which all threads have in common.
_building = threading.Lock()


def _pipeline(model: nn.Module, is_array: bool, with_captions: bool) -> Compose:
    """Return the model's test pipeline, in the scope of its config."""
    transforms = _test_transforms(model.cfg, with_captions)
    key = (is_array, with_captions, repr(transforms))
    with _building:
        built = _pipelines.setdefault(model, {})
        if key not in built:
            scope = model.cfg.get('default_scope', 'mmseg')
            with DefaultScope.overwrite_default_scope(scope):
                pipeline = _build_pipeline(transforms, is_array, with_captions)
            check_learned_tokens(model, pipeline, 'inference')
            built[key] = pipeline
        return built[key]


def _test_transforms(config: Config, with_captions: bool) -> list[dict]:
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    while dataset.get('dataset') is not None:
        dataset = dataset['dataset']
    if 'datasets' in dataset:
        if not with_captions:
            raise RunError(
                f'the config tests on {len(dataset["datasets"])} datasets, each with its own '
                'captions: pass the captions of the images'
            )
        # They differ in their captions only.
        dataset = dataset['datasets'][0]
    if not dataset.get('pipeline'):
        raise RunError('the config has no test_dataloader.dataset.pipeline to read images with.')
    return list(dataset['pipeline'])


def _build_pipeline(configs: list[dict], is_array: bool, with_captions: bool) -> Compose:
    """Build a test pipeline without ground truth and, given captions, without its own."""
    transforms = []
    with TRANSFORMS.switch_scope_and_registry(None) as registry:
        for transform in configs:
            cls = transform['type']
            if isinstance(cls, str):
                cls = registry.get(cls)
            names = {base.__name__ for base in getattr(cls, '__mro__', ())}
            if _GROUND_TRUTH & names or (with_captions and getattr(cls, 'writes_caption', False)):
                continue
            if is_array and 'LoadImageFromFile' in names:
                to_float32 = transform.get('to_float32', False)
                transform = dict(type='LoadImageFromNDArray', to_float32=to_float32)
            transforms.append(transform)
    return Compose(transforms)
