"""Base class of textual inversion and DreamBooth: draws, losses, images."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from PIL import Image
from torch import Tensor, nn

from mmtadp.models.diffusion import DiffusionModel, TextEncoder, load_diffusion_model
from mmtadp.models.diffusion.denoising import encode_images, load_noise_schedule, sample_images
from mmtadp.utils.errors import RunError
from mmtadp.utils.seeding import numbered_generator

from .images import ImagePool, grid
from .settings import PersonalizationSettings

_DTYPES = dict(no=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)


class Concept(ABC):
    """Base class of methods by which a diffusion model learns a domain from images.

    Args:
        settings (PersonalizationSettings): The settings.
        accelerator (Accelerator): accelerate's.

    Attributes:
        model (DiffusionModel): The diffusion model.
        encoder (TextEncoder): Its text encoder, for prompts without gradient.
        module (nn.Module): The module that holds the trained parameters.
        prepared (nn.Module): The same as accelerate wraps it; the trainer sets it.

    Raises:
        RunError: If settings, images and model are inconsistent.
    """

    module: nn.Module

    def __init__(self, settings: PersonalizationSettings, accelerator) -> None:
        self.settings, self.accelerator = settings, accelerator
        self.pool = self._pool(settings.images)
        self.model, self.scheduler = load_model(settings.pretrained, settings.architecture)
        check_resolution(self.model, settings.resolution)
        self.encoder = TextEncoder(self.model.text_model, self.model.tokenizer)
        self.dtype = _DTYPES[settings.mixed_precision]
        self.model.vae.to(accelerator.device)

    @abstractmethod
    def loss(self, numbers: list[int]) -> Tensor:
        """Return the loss of the draws of these numbers, a scalar."""

    @abstractmethod
    def save(self, out: Path) -> Path:
        """Write the result into a folder, whole or not at all; return its path."""

    @abstractmethod
    def usage(self, result: Path) -> str:
        """Return the lines of a config that use the result."""

    def identity(self) -> dict:
        """Return the settings that determine the course of a run."""
        return dict(
            method=type(self).__name__, **self.settings.identity(), images=self.pool.digest()
        )

    def parameters(self) -> list[nn.Parameter]:
        """Return the trained parameters."""
        return [weight for weight in self.module.parameters() if weight.requires_grad]

    def sample(self, prompts: list[str], seeds: list[int]) -> list[Image.Image]:
        """Generate images with the current weights; see :func:`.denoising.sample_images`."""
        unet, training = self.model.unet, self.model.unet.training
        unet.eval()
        with self.accelerator.autocast():
            images = sample_images(
                self.model,
                self.scheduler,
                self.encoder,
                prompts,
                seeds,
                self.settings.resolution,
                self.settings.sampling_steps,
                self.settings.guidance,
            )
        unet.train(training)
        return images

    def image_grid(self) -> Image.Image:
        """Generate validation images: a row for each prompt, the same noise in each column."""
        columns = self.settings.validation_images
        rows = [
            self.sample([prompt] * columns, [self.settings.seed + i for i in range(columns)])
            for prompt in self.settings.validation_prompts
        ]
        return grid([image for row in rows for image in row], columns)

    def _pool(self, source: str) -> ImagePool:
        settings = self.settings
        return ImagePool(
            source, settings.resolution, settings.random_crop, settings.flip, settings.seed
        )

    def _draw(self, pool: ImagePool, numbers: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return latents, noise and timesteps of draws, which depend only on their numbers."""
        device = self.accelerator.device
        images = pool.batch(numbers).to(device)
        factor = 2 ** (len(self.model.vae.config.block_out_channels) - 1)
        side = self.settings.resolution // factor
        shape = (2, self.model.vae.config.latent_channels, side, side)
        normal, timesteps = [], []
        for number in numbers:
            generator = numbered_generator(self.settings.seed, number)
            normal.append(torch.randn(shape, generator=generator))
            last = self.scheduler.config.num_train_timesteps
            timesteps.append(torch.randint(last, (), generator=generator))
        draw, noise = torch.stack(normal).to(device).unbind(dim=1)
        latents = encode_images(self.model.vae, images, draw)
        return latents, noise, torch.stack(timesteps).to(device)


def check_resolution(model: DiffusionModel, resolution: int) -> None:
    """Check that an image of this height and width gives whole latents.

    Raises:
        RunError: If it does not.
    """
    factor = 2 ** (len(model.vae.config.block_out_channels) - 1)
    if resolution < 1 or resolution % factor:
        raise RunError(
            f"--resolution is {resolution}; expected a multiple of {factor}, the autoencoder's "
            'stride.'
        )


def load_model(pretrained: str, architecture: str | None) -> tuple[DiffusionModel, DDPMScheduler]:
    """Load a whole diffusion model, frozen, and its noise schedule.

    Args:
        pretrained (str): A hub id, a diffusers folder or a single CompVis file.
        architecture (str, optional): Architecture of a single file.

    Raises:
        RunError: If it cannot be loaded; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
    """
    try:
        model = load_diffusion_model(pretrained, architecture)
        scheduler = load_noise_schedule(pretrained)
    except (FileNotFoundError, ValueError, ConnectionError) as error:
        raise RunError(str(error)) from error
    for module in (model.unet, model.vae, model.text_model):
        module.requires_grad_(False).eval()
    return model, scheduler
