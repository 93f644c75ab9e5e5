"""From nothing to a pipeline: both stages and what lies between them."""

import copy
import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from diffusers import DDPMScheduler
from transformers import CLIPTokenizer

from mmtadp.models.diffusion import DiffusionModel
from mmtadp.utils.atomic_files import write_folder
from mmtadp.utils.resumable import RunError

from .autoencoder import Autoencoder
from .denoiser import Denoiser
from .latents import compute_latents
from .scenes import ScenePictures
from .stage import check_at_least, train_stage
from .untrained.pipeline import build_scheduler, pipeline_index
from .untrained.vocabulary import build_vocabulary, shapescenes_words, write_tokenizer

NAME = 'TinySD'


@dataclass(frozen=True, kw_only=True)
class PretrainingSettings:
    """What a run is asked for.

    Attributes:
        out (str): Folder of the run.
        scenes (int): Scenes to learn from.
        size (int): Their height and width in pixels, a multiple of 64.
        autoencoder_steps (int): Steps of the first stage.
        autoencoder_batch_size (int): Its pictures per step.
        autoencoder_learning_rate (float): Its rate between warm-up and decay.
        steps (int): Steps of the second stage.
        batch_size (int): Its latents per step.
        learning_rate (float): Its rate between warm-up and decay.
        mixed_precision (str): Of the second stage: ``no`` or ``bf16``.
        seed (int): Of weights and draws.
        workers (int): Processes that draw scenes.
        device (str): Where to train.
        checkpoint_every (int): Steps between checkpoints and samples.
        overwrite (bool): Forget an earlier run; scenes stay.
    """

    out: str
    scenes: int = 20_000
    size: int = 128
    autoencoder_steps: int = 1500
    autoencoder_batch_size: int = 16
    autoencoder_learning_rate: float = 1e-3
    steps: int = 7000
    batch_size: int = 32
    learning_rate: float = 1e-3
    mixed_precision: str = 'no'
    seed: int = 0
    workers: int = 0
    device: str = 'cpu'
    checkpoint_every: int = 500
    overwrite: bool = False

    def __post_init__(self) -> None:
        counts = ('scenes', 'autoencoder_steps', 'autoencoder_batch_size', 'steps', 'batch_size')
        least = dict.fromkeys((*counts, 'checkpoint_every'), 1)
        check_at_least(self, {**least, 'seed': 0, 'workers': 0})
        if self.size < 64 or self.size % 64:
            raise RunError(f'--size is {self.size}; expected a multiple of 64.')


def pretrain(settings: PretrainingSettings) -> Path:
    """Pretrains a pipeline, or continues to.

    Args:
        settings (PretrainingSettings): What is asked for.

    Returns:
        Path: ``OUT/tinysd``, a diffusers folder with weights in half precision.

    Raises:
        RunError: If ``out`` holds another run, or training diverges.
        Interrupted: If SIGINT or SIGTERM asked the run to stop, when a checkpoint is written.
    """
    out = Path(settings.out)
    pictures = ScenePictures(out / 'scenes', settings.scenes, settings.size, settings.workers)
    autoencoder = Autoencoder(
        pictures,
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
    latents = compute_latents(vae, pictures, out / 'latents' / f'autoencoder_{steps:06d}.npy')

    tokenizer = build_tokenizer(out / 'tokenizer')
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
    # Where it was made is of no account to others.
    del made['out']
    write_pipeline(denoiser.result(), out / 'tinysd', made)
    denoiser.draw_samples(out / 'tinysd' / 'samples.png')
    return out / 'tinysd'


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's tokenizer with the vocabulary of ShapeScenes; its files are written to a folder."""
    vocab, merges = build_vocabulary(shapescenes_words())
    write_folder(folder, lambda new: write_tokenizer(new, vocab, merges))
    return CLIPTokenizer.from_pretrained(folder)


def write_pipeline(model: DiffusionModel, folder: Path, settings: dict) -> None:
    """Writes a diffusers folder, whole or not at all, with weights in half precision.

    Args:
        model (DiffusionModel): The parts; they are left as they are.
        folder (Path): Where to.
        settings (dict): How it was made, for ``training.json``.
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
