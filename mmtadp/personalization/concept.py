"""What textual inversion and DreamBooth have in common: draws, losses, pictures."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from mmtadp.models.diffusion import TextEncoder
from mmtadp.utils.resumable import RunError

from .diffusion import encode_images, load_model, sample_pictures
from .images import ImagePool, grid
from .settings import Settings

_DTYPES = dict(no=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)


class Concept(ABC):
    """A domain that a diffusion model learns from images.

    Args:
        settings (Settings): What is asked for.
        accelerator (Accelerator): Of accelerate.

    Attributes:
        model (DiffusionModel): The diffusion model.
        encoder (TextEncoder): Its text encoder, for texts that need no gradient.
        module (nn.Module): What is trained, or has in it what is trained.
        prepared (nn.Module): The same as accelerate wraps it; the trainer sets it.

    Raises:
        RunError: If settings, images and model do not go together.
    """

    module: nn.Module

    def __init__(self, settings: Settings, accelerator) -> None:
        self.settings, self.accelerator = settings, accelerator
        self.pool = self._pool(settings.images)
        self.model, self.scheduler = load_model(settings.pretrained, settings.architecture)
        factor = 2 ** (len(self.model.vae.config.block_out_channels) - 1)
        if settings.resolution % factor:
            raise RunError(
                f'--resolution is {settings.resolution}; expected a multiple of {factor}, the '
                "autoencoder's stride."
            )
        self.encoder = TextEncoder(self.model.text_model, self.model.tokenizer)
        self.dtype = _DTYPES[settings.mixed_precision]
        self.model.vae.to(accelerator.device)

    @abstractmethod
    def loss(self, numbers: list[int]) -> Tensor:
        """The loss of the draws of these numbers, a scalar."""

    @abstractmethod
    def save(self, out: Path) -> Path:
        """Writes the result into a folder, whole or not at all; returns its path."""

    @abstractmethod
    def usage(self, result: Path) -> str:
        """The lines of a config that use the result."""

    def identity(self) -> dict:
        """What the course of a run depends on."""
        return dict(
            method=type(self).__name__, **self.settings.identity(), images=self.pool.digest()
        )

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [weight for weight in self.module.parameters() if weight.requires_grad]

    def pictures(self, prompts: list[str], seeds: list[int]) -> list:
        """Pictures of the model as it is; see :func:`.diffusion.sample_pictures`."""
        unet, training = self.model.unet, self.model.unet.training
        unet.eval()
        with self.accelerator.autocast():
            images = sample_pictures(
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

    def sheet(self):
        """Validation pictures: a row for each prompt, the same noise in each column."""
        columns = self.settings.validation_pictures
        rows = [
            self.pictures([prompt] * columns, [self.settings.seed + i for i in range(columns)])
            for prompt in self.settings.validation_prompts
        ]
        return grid([image for row in rows for image in row], columns)

    def _pool(self, source: str) -> ImagePool:
        settings = self.settings
        return ImagePool(
            source, settings.resolution, settings.random_crop, settings.flip, settings.seed
        )

    def _draw(self, pool: ImagePool, numbers: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Latents, noise and timesteps of some draws, which depend on their numbers alone."""
        device = self.accelerator.device
        images = pool.batch(numbers).to(device)
        factor = 2 ** (len(self.model.vae.config.block_out_channels) - 1)
        side = self.settings.resolution // factor
        shape = (2, self.model.vae.config.latent_channels, side, side)
        normal, timesteps = [], []
        for number in numbers:
            # On the CPU, where a seed gives the same values on any machine.
            generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + number)
            normal.append(torch.randn(shape, generator=generator))
            last = self.scheduler.config.num_train_timesteps
            timesteps.append(torch.randint(last, (), generator=generator))
        draw, noise = torch.stack(normal).to(device).unbind(dim=1)
        latents = encode_images(self.model.vae, images, draw)
        return latents, noise, torch.stack(timesteps).to(device)
