"""Pretrain TinySD: both stages, and the latents between them."""

import copy
import dataclasses
import json
import shutil
from pathlib import Path

from diffusers import DDPMScheduler

from mmtadp.models.diffusion import DiffusionModel
from mmtadp.utils.atomic_files import write_folder
from mmtadp.utils.folder_lock import FolderLock

from .autoencoder_stage import Autoencoder
from .clip_tokenizer import build_clip_tokenizer
from .denoiser import Denoiser
from .latents import compute_latents
from .networks import build_scheduler, pipeline_index
from .pretraining_scenes import SceneImages
from .pretraining_settings import PretrainingSettings
from .stage import train_stage

NAME = 'TinySD'


def pretrain(settings: PretrainingSettings) -> Path:
    """Pretrain a pipeline, or continue an interrupted run.

    Args:
        settings (PretrainingSettings): Settings of the run.

    Returns:
        Path: ``OUT/tinysd``, a diffusers folder with weights in half precision.

    Raises:
        RunError: If ``out`` holds a run with other settings, another process trains into it, or
            training diverges.
        Interrupted: If SIGINT or SIGTERM arrived; a checkpoint is then written.
    """
    # The stages lock their own folders, scenes and latents are outside of them.
    with FolderLock(settings.out):
        return _pretrain(settings, Path(settings.out))


def _pretrain(settings: PretrainingSettings, out: Path) -> Path:
    images = SceneImages(out / 'scenes', settings.scenes, settings.size, settings.workers)
    autoencoder = Autoencoder(
        images,
        settings.autoencoder_batch_size,
        settings.autoencoder_learning_rate,
        settings.seed,
        settings.device,
    )
    overwrite = settings.overwrite
    if overwrite:
        shutil.rmtree(out / 'latents', ignore_errors=True)
    steps = settings.autoencoder_steps
    train_stage(autoencoder, out / 'autoencoder', steps, settings.checkpoint_every, overwrite)
    vae = autoencoder.result()
    latents = compute_latents(vae, images, out / 'latents' / f'autoencoder_{steps:06d}.npy')

    tokenizer = build_clip_tokenizer(out / 'tokenizer')
    scheduler = DDPMScheduler.from_config(build_scheduler().config)
    denoiser = Denoiser(
        latents,
        vae,
        tokenizer,
        scheduler,
        settings.batch_size,
        settings.learning_rate,
        settings.seed,
        settings.mixed_precision,
    )
    steps = settings.steps
    train_stage(denoiser, out / 'denoiser', steps, settings.checkpoint_every, overwrite)
    made = dataclasses.asdict(settings)
    del made['out']
    write_pipeline(denoiser.result(), out / 'tinysd', made)
    denoiser.draw_samples(out / 'tinysd' / 'samples.png')
    return out / 'tinysd'


def write_pipeline(model: DiffusionModel, folder: Path, settings: dict) -> None:
    """Write a diffusers folder, whole or not at all, with weights in half precision.

    Args:
        model (DiffusionModel): The model; it is not changed.
        folder (Path): Destination.
        settings (dict): Settings of the run, for ``training.json``.
    """

    def write(new: Path) -> None:
        new.mkdir()
        parts = dict(unet=model.unet, vae=model.vae, text_encoder=model.text_model)
        for name, module in parts.items():
            copy.deepcopy(module).half().save_pretrained(new / name)
        model.tokenizer.save_pretrained(new / 'tokenizer')
        build_scheduler().save_pretrained(new / 'scheduler')
        (new / 'model_index.json').write_text(json.dumps(pipeline_index(NAME), indent=2) + '\n')
        (new / 'training.json').write_text(json.dumps(settings, indent=2) + '\n')

    write_folder(folder, write)
