"""The model card of TinySD."""

import math
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import load_file

from mmtadp.models.diffusion import load_diffusion_model
from mmtadp.utils.atomic_files import write_json, write_text
from mmtadp.utils.resumable import RunFolder

from .autoencoder_stage import held_out_images, reconstruction_psnr
from .denoiser import TIMESTEP_SHIFT
from .pretraining_scenes import PRETRAINING_SHARES
from .pretraining_settings import PretrainingSettings
from .text_evaluation import attention_shares, caption_losses, evaluation_figures

_CARD = """\
# TinySD

A small latent diffusion model of ShapeScenes, with the parts and the folder layout of Stable
Diffusion 1.x: any code that loads a diffusers folder loads this one. It generates scenes of
{size} × {size} pixels from text. It knows ShapeScenes only.

![Images generated from prompts](samples.png)

{parameters:,} parameters (U-Net {unet:,}, text encoder {text_encoder:,}, autoencoder {vae:,}),
{megabytes:.1f} MB in half precision. All weights were trained from scratch by
`projects/shapescenes/tools/pretrain.py`, which also wrote this page.

## Training

{scenes:,} scenes ({shares}) that no ShapeScenes dataset holds,
mirrored at random, with captions written from the scenes: half of them long, a quarter short, a
quarter a list of some objects. Three quarters name the domain. One caption in ten is replaced by
the empty caption.

| stage | steps | batch | hours on {device} | loss at the end |
| --- | --- | --- | --- | --- |
{autoencoder_row}
{denoiser_row}

The second stage uses latent diffusion's noise prediction loss, with timesteps shifted towards high
noise (shift {timestep_shift:g}). AdamW, weights averaged over about a thousand steps. Torch
{torch}, diffusers {diffusers}, transformers {transformers}.

## Evaluation

Measured by `projects/shapescenes/tools/evaluate.py` on {count} held-out scenes by day; ± is the
standard deviation over {seeds} sets of noise.

| caption | denoising loss |
| --- | --- |
| the scene's own | {right:.5f} |
| empty | {none:.5f}, {gain:+.5f} ± {gain_spread:.5f} against its own |
| another scene's | {wrong:.5f}, {harm:+.5f} ± {harm_spread:.5f} against the empty caption |

{mass:.1%} of the attention to a word that names an object lies on that object, which covers
{area:.1%} of the image: {ratio:.2f} times uniform attention ({objects} objects; the attention maps
that TADP uses).

The autoencoder reconstructs images with a PSNR of {psnr:.1f} dB.
"""


_STAGE = '| {name} | {steps:,} | {batch_size} | {hours:.2f} | {loss:.4f} ({unit}) |'


def write_tinysd_card(
    folder: Path, settings: PretrainingSettings, count: int, progress: Callable = iter
) -> None:
    """Evaluate a pipeline, and write ``README.md`` and ``evaluation.json`` into its folder.

    Args:
        folder (Path): Result of :func:`.pretrain`.
        settings (PretrainingSettings): Settings of the run.
        count (int): Number of held-out scenes.
        progress (Callable): Wraps the loops over scenes.
    """
    device = settings.device
    losses = caption_losses(str(folder), count, device=device, progress=progress)
    shares = attention_shares(str(folder), count, device=device, progress=progress)
    figures = evaluation_figures(losses, shares)
    model = load_diffusion_model(str(folder))
    images = held_out_images(64, settings.size)
    figures['psnr'] = reconstruction_psnr(model.vae, images)
    write_json(folder / 'evaluation.json', figures)
    card = _CARD.format(**_made(folder, settings), **_measured(figures))
    write_text(folder / 'README.md', card)


def _made(folder: Path, settings: PretrainingSettings) -> dict:
    parts = {
        name: next((folder / name).glob('*.safetensors'))
        for name in ('unet', 'text_encoder', 'vae')
    }
    counts = {
        name: sum(value.numel() for value in load_file(path).values())
        for name, path in parts.items()
    }
    logs = {
        stage: RunFolder(str(Path(settings.out) / stage), {}, overwrite=False).log()
        for stage in ('autoencoder', 'denoiser')
    }
    rows = dict(
        autoencoder_row=_stage_row(
            'autoencoder',
            logs['autoencoder'],
            settings.autoencoder_steps,
            settings.autoencoder_batch_size,
            'l1',
        ),
        denoiser_row=_stage_row(
            'U-Net and text encoder', logs['denoiser'], settings.steps, settings.batch_size, 'loss'
        ),
    )
    threads = torch.get_num_threads()
    cores = '1 CPU core' if threads == 1 else f'{threads} CPU cores'
    return dict(
        size=settings.size,
        scenes=settings.scenes,
        timestep_shift=TIMESTEP_SHIFT,
        **counts,
        **rows,
        parameters=sum(counts.values()),
        megabytes=sum(path.stat().st_size for path in parts.values()) / 1e6,
        shares=', '.join(f'{share:.0%} {name}' for name, share in PRETRAINING_SHARES.items()),
        device=cores if settings.device == 'cpu' else torch.cuda.get_device_name(settings.device),
        torch=torch.__version__,
        diffusers=diffusers.__version__,
        transformers=transformers.__version__,
    )


def _stage_row(name: str, log: list[dict], steps: int, batch_size: int, loss: str) -> str:
    """Return a row of the table of stages."""
    return _STAGE.format(
        name=name,
        steps=steps,
        batch_size=batch_size,
        hours=sum(line['seconds'] for line in log) / 3600,
        loss=log[-1][loss] if log else math.nan,
        unit='mean absolute error of pixels in [-1, 1]' if loss == 'l1' else 'of the noise',
    )


def _measured(figures: dict) -> dict:
    return dict(
        count=figures['scenes'],
        seeds=figures['seeds'],
        **figures['loss'],
        gain=figures['none_minus_right']['mean'],
        gain_spread=figures['none_minus_right']['spread'],
        harm=figures['wrong_minus_none']['mean'],
        harm_spread=figures['wrong_minus_none']['spread'],
        mass=figures['attention_mass'],
        area=figures['mask_area'],
        ratio=figures['attention_ratio'],
        objects=figures['objects'],
        psnr=figures['psnr'],
    )
