"""Convert Stable Diffusion 1.x between one CompVis file and a diffusers folder, offline."""

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor, nn

from mmtadp.models.diffusion import (
    DiffusionModel,
    load_diffusion_model,
    no_pretrained_weights,
)
from mmtadp.models.diffusion.compvis_keys import PREFIXES, component_names, fit_pointwise
from mmtadp.models.diffusion.compvis_layout import (
    EMA,
    canonical_names,
    describe_missing,
    leftover_reason,
)
from mmtadp.models.diffusion.denoising import NOISE_SCHEDULE
from mmtadp.models.diffusion.state_dicts import load_strictly
from mmtadp.utils.atomic_files import write_file, write_folder

from .checkpoint_file import CheckpointError, check_free, read_checkpoint
from .tensor_tracker import Report, TensorTracker

_ADVICE = 'For another architecture, give the folder of its configs by --architecture.'
PARTS = {'unet': 'U-Net', 'vae': 'autoencoder', 'text_encoder': 'text encoder'}


def single_file_to_folder(
    source: Path,
    target: Path,
    architecture: str | None = None,
    ema: bool = False,
    allow_pickle: bool = False,
    overwrite: bool = False,
) -> Report:
    """Write a CompVis file as a folder that ``StableDiffusionPipeline.from_pretrained`` loads.

    Tensors keep their precision. The tokenizer is CLIP's, or the architecture's own; a safety
    checker is not part of the folder.

    Args:
        source (Path): A ``.safetensors`` or ``.ckpt`` file.
        target (Path): The folder.
        architecture (str, optional): See :func:`mmtadp.models.diffusion.load_diffusion_model`.
            Defaults to Stable Diffusion 1.5.
        ema (bool): Take the averaged weights of the U-Net from a file that holds both.
        allow_pickle (bool): See :func:`read_checkpoint`.
        overwrite (bool): Replace ``target``.

    Returns:
        Report: The destination of each tensor.

    Raises:
        ValueError: If the file cannot be read or is not a Stable Diffusion 1.x model of
            this architecture, or ``target`` exists.
    """
    check_free(target, overwrite)
    file = read_checkpoint(source, allow_pickle)
    tracker = TensorTracker(replace(file, tensors=canonical_names(file.tensors)), _ADVICE)
    for part, prefix in PREFIXES.items():
        if not tracker.any_with(prefix):
            raise CheckpointError(describe_missing(str(source), PARTS[part], prefix, file.tensors))
    if ema and not tracker.any_with(EMA):
        raise CheckpointError(f'{source} has no averaged weights: no key begins with {EMA!r}')
    with torch.device('meta'), no_pretrained_weights():
        model = load_diffusion_model(None, architecture)
    modules = dict(unet=model.unet, vae=model.vae, text_encoder=model.text_model)
    states = {part: _take_part(tracker, part, module, ema) for part, module in modules.items()}
    _drop_the_rest(tracker, ema)
    report = tracker.close()
    for part, module in modules.items():
        load_strictly(str(source), PARTS[part], module, states[part], _ADVICE, assign=True)
    write_folder(target, _pipeline(model).save_pretrained)
    return report


def folder_to_single_file(
    source: Path, target: Path, half: bool = False, overwrite: bool = False
) -> Report:
    """Write a diffusers folder as one CompVis file, which the published code reads.

    Args:
        source (Path): The folder.
        target (Path): A ``.safetensors`` file, or a ``.ckpt`` file for code that reads only those.
        half (bool): Write float16 instead of float32.
        overwrite (bool): Replace ``target``.

    Returns:
        Report: The destination of each tensor.

    Raises:
        CheckpointError: If ``target`` has another suffix, or exists.
        ValueError: If the folder is not a pipeline like Stable Diffusion's.
    """
    target = Path(target)
    if target.suffix not in ('.safetensors', '.ckpt'):
        raise CheckpointError(f'{target} should end in .safetensors or .ckpt')
    if not Path(source).is_dir():
        raise CheckpointError(f'{source} is not a folder')
    check_free(target, overwrite)
    model = load_diffusion_model(str(source))
    report = Report()
    state = compvis_state_dict(model, report)
    dtype = torch.float16 if half else torch.float32
    state = {
        key: value.to(dtype if value.is_floating_point() else value.dtype).contiguous()
        for key, value in state.items()
    }
    if target.suffix == '.safetensors':
        write_file(target, lambda new: save_file(state, new, metadata=dict(format='pt')))
    else:
        write_file(target, lambda new: torch.save(dict(state_dict=state), new))
    return report


def compvis_state_dict(model: DiffusionModel, report: Report | None = None) -> dict[str, Tensor]:
    """Return all weights of a model under their CompVis keys.

    Args:
        model (DiffusionModel): A model like Stable Diffusion 1.x.
        report (Report, optional): Filled with the destination of each tensor.

    Returns:
        dict[str, Tensor]: CompVis key to tensor.
    """
    state = {}
    for part, module in dict(
        unet=model.unet, vae=model.vae, text_encoder=model.text_model
    ).items():
        own = module.state_dict()
        for key, name in component_names(part, own).items():
            state[name] = fit_pointwise(own[key], 4) if _is_attention(part, key) else own[key]
            if report is not None:
                report.count_taken(PARTS[part], f'{key} -> {name}')
    return state


def _is_attention(part: str, key: str) -> bool:
    return part == 'vae' and '.attentions.0.to_' in key and key.endswith('weight')


def _take_part(
    tracker: TensorTracker, part: str, module: nn.Module, ema: bool
) -> dict[str, Tensor]:
    own = module.state_dict()
    state = {}
    for key, name in component_names(part, own).items():
        if ema and part == 'unet':
            # Averages are buffers, whose names have no dots.
            name = EMA + name.removeprefix('model.').replace('.', '')
        tensor = tracker.take(name, PARTS[part], key)
        if tensor is not None:
            state[key] = fit_pointwise(tensor, own[key].ndim)
    return state


def _drop_the_rest(tracker: TensorTracker, ema: bool) -> None:
    if ema:
        tracker.drop('U-Net before averaging', lambda key: key.startswith(PREFIXES['unet']))
    reasons = {key: leftover_reason(key) for key in tracker.remaining()}
    for reason in dict.fromkeys(filter(None, reasons.values())):
        tracker.drop(reason, lambda key, reason=reason: reasons[key] == reason)


def _pipeline(model: DiffusionModel) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_model,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=PNDMScheduler(
            **NOISE_SCHEDULE, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
