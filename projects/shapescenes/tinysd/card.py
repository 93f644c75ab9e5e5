"""The model card of a pretrained pipeline."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import load_file

from mmtadp.models.diffusion import load_diffusion_model
from mmtadp.utils.atomic_files import write_json, write_text

from .autoencoder import held_out_pictures, reconstruction_psnr
from .denoiser import TIMESTEP_SHIFT
from .evaluation import attention_shares, caption_losses, evaluation_figures
from .pretraining import PretrainingSettings
from .scenes import DOMAIN_SHARES

_CARD = """\
# TinySD

A small latent diffusion model of ShapeScenes, of the parts and in the layout of Stable
Diffusion 1.x: whatever takes a diffusers folder takes this one. It draws generated scenes of
{size} × {size} pixels from words, and knows nothing else.

![Pictures drawn from prompts](samples.png)

{parameters:,} parameters (U-Net {unet:,}, text encoder {text_encoder:,}, autoencoder {vae:,}),
{megabytes:.1f} MB in half precision. `projects/shapescenes/tools/pretrain.py` pretrained it and
wrote this page; nothing of it comes from any other model.

## Training

{scenes:,} scenes ({shares}), which no
dataset of ShapeScenes shows, mirrored at random, with captions made from the scenes:
half of them long, a quarter short, a quarter a list of some of the objects; three quarters of all
name the domain. One in ten is dropped.

| stage | steps | batch | hours on {device} | loss at the end |
| --- | --- | --- | --- | --- |
{autoencoder_row}
{denoiser_row}

Latent diffusion's loss of the predicted noise, with high noise drawn more often (a
shift of {timestep_shift:g}). AdamW, weights averaged over about a thousand steps. Torch {torch},
diffusers {diffusers}, transformers {transformers}.

## What it has learned

Measured by `projects/shapescenes/tools/evaluate.py` on {count} held-out scenes by day; the
spread is over {seeds} draws of noise.

| denoising loss under | |
| --- | --- |
| the scene's own caption | {right:.5f} |
| no caption | {none:.5f}, {gain:+.5f} ± {gain_spread:.5f} against its own |
| another scene's caption | {wrong:.5f}, {harm:+.5f} ± {harm_spread:.5f} against none |

{mass:.1%} of the attention to a word that names an object lies on that object, which covers
{area:.1%} of the picture: {ratio:.2f} times an even share ({objects} objects; the maps that
TADP uses).

The autoencoder gives pictures back with {psnr:.1f} dB.
"""


_STAGE = '| {name} | {steps:,} | {batch_size} | {hours:.2f} | {loss:.4f} ({unit}) |'


def write_card(
    folder: Path, settings: PretrainingSettings, count: int, progress: Callable = iter
) -> None:
    """Tests a pipeline, and writes ``README.md`` and ``evaluation.json`` into its folder.

    Args:
        folder (Path): As :func:`.pretrain` returns it.
        settings (PretrainingSettings): How it was made.
        count (int): Held-out scenes.
        progress (Callable): Wraps the loops over scenes.
    """
    device = settings.device
    losses = caption_losses(str(folder), count, device=device, progress=progress)
    shares = attention_shares(str(folder), count, device=device, progress=progress)
    figures = evaluation_figures(losses, shares)
    model = load_diffusion_model(str(folder))
    images = held_out_pictures(64, settings.size)
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
        stage: [json.loads(line) for line in (Path(settings.out) / stage / 'log.jsonl').open()]
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
        shares=', '.join(f'{share:.0%} {name}' for name, share in DOMAIN_SHARES.items()),
        device=cores if settings.device == 'cpu' else torch.cuda.get_device_name(settings.device),
        torch=torch.__version__,
        diffusers=diffusers.__version__,
        transformers=transformers.__version__,
    )


def _stage_row(name: str, log: list[dict], steps: int, batch_size: int, loss: str) -> str:
    """A row of the card's table."""
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
