"""First stage: an autoencoder of factor 8, trained to give pictures back."""

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from mmtadp.models.diffusion.denoising import to_images
from mmtadp.personalization.images import grid
from mmtadp.utils.atomic_files import write_file

from .scenes import HELD_OUT, ScenePictures, draw_picture
from .stage import Stage
from .untrained.autoencoder import build_autoencoder

# As of latent diffusion's own autoencoders: latents keep a scale, and hardly anything else.
_KL_WEIGHT = 1e-6
_NUM_SHOWN = 8


class Autoencoder(Stage):
    """Trains encoder and decoder together, with the L1 loss of pixels.

    The encoder starts from :func:`build_autoencoder`'s principal components, so its latents mean
    something from the first step on.

    Args:
        pictures (ScenePictures): What to give back.
        batch_size (int): Pictures of a step.
        learning_rate (float): See :class:`.Stage`.
        seed (int): See :class:`.Stage`.
        device (str): Where to train.
    """

    def __init__(
        self,
        pictures: ScenePictures,
        batch_size: int,
        learning_rate: float,
        seed: int,
        device: str,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vae = build_autoencoder().to(device)
        settings = dict(
            pictures=len(pictures),
            size=pictures.size,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
        )
        super().__init__(vae.train(), settings, learning_rate, seed)
        self.pictures, self.batch_size = pictures, batch_size

    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """L1 in units of [-1, 1], and what keeps the posterior from a point, weighted."""
        numbers = torch.randint(len(self.pictures), (self.batch_size,), generator=generator)
        flips = torch.rand(self.batch_size, generator=generator) < 0.5
        images = to_tensor(
            np.stack(
                [
                    self.pictures[n][:, ::-1] if f else self.pictures[n]
                    for n, f in zip(numbers.tolist(), flips.tolist())
                ]
            )
        ).to(self.device)
        posterior = self.module.encode(images).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(self.device)
        decoded = self.module.decode(posterior.mean + posterior.std * noise).sample
        return dict(l1=F.l1_loss(decoded, images), kl=_KL_WEIGHT * posterior.kl().mean())

    @torch.no_grad()
    def draw_samples(self, path) -> None:
        """Held-out pictures, and below each what comes back."""
        images = held_out_pictures(_NUM_SHOWN, self.pictures.size).to(self.device)
        vae = self.average.module
        decoded = vae.decode(vae.encode(images).latent_dist.mode()).sample
        sheet = grid([*to_images(images), *to_images(decoded)], _NUM_SHOWN)
        write_file(path, sheet.save)

    @torch.no_grad()
    def result(self) -> AutoencoderKL:
        """The averaged autoencoder; its scaled latents have unit standard deviation."""
        vae: AutoencoderKL = self.average.module.eval()
        images = held_out_pictures(64, self.pictures.size).to(self.device)
        std = vae.encode(images).latent_dist.mode().std().item()
        vae.register_to_config(scaling_factor=round(1 / std, 5))
        return vae.requires_grad_(False)


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2) / 127.5 - 1


def held_out_pictures(count: int, size: int) -> Tensor:
    """Pictures that no stage is trained on, (count, 3, size, size) in [-1, 1]."""
    return to_tensor(np.stack([draw_picture(HELD_OUT + i, size) for i in range(count)]))


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, images: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures (N, 3, H, W) in [-1, 1] that came back."""
    decoded = vae.decode(vae.encode(images).latent_dist.mode()).sample.clamp(-1, 1)
    return (10 * torch.log10(4 / F.mse_loss(decoded, images))).item()
