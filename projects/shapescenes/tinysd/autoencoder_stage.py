"""First stage: train an autoencoder of factor 8 to reconstruct images."""

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from mmtadp.models.diffusion.denoising import to_images
from mmtadp.personalization.images import grid
from mmtadp.utils.atomic_files import write_file

from .initial_autoencoder import build_autoencoder
from .pretraining_scenes import HELD_OUT, SceneImages, draw_image
from .stage import Stage

# As in latent diffusion: large enough to fix the scale of the latents, and no larger.
_KL_WEIGHT = 1e-6
_NUM_SHOWN = 8


class Autoencoder(Stage):
    """Train encoder and decoder with the L1 loss of pixels.

    The encoder starts from principal components (:func:`.build_autoencoder`), so its latents are
    useful from the first step.

    Args:
        images (SceneImages): Training images.
        batch_size (int): Images per step.
        learning_rate (float): See :class:`.Stage`.
        seed (int): See :class:`.Stage`.
        device (str): Device of the training.
    """

    def __init__(
        self,
        images: SceneImages,
        batch_size: int,
        learning_rate: float,
        seed: int,
        device: str,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vae = build_autoencoder().to(device)
        settings = dict(
            images=len(images),
            size=images.size,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
        )
        super().__init__(vae.train(), settings, learning_rate, seed)
        self.images, self.batch_size = images, batch_size

    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the L1 loss of pixels in [-1, 1] and the weighted KL divergence."""
        numbers = torch.randint(len(self.images), (self.batch_size,), generator=generator)
        flips = torch.rand(self.batch_size, generator=generator) < 0.5
        images = to_tensor(
            np.stack(
                [
                    self.images[n][:, ::-1] if f else self.images[n]
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
        """Write held-out images, and their reconstructions below them."""
        images = held_out_images(_NUM_SHOWN, self.images.size).to(self.device)
        vae = self.average.module
        decoded = vae.decode(vae.encode(images).latent_dist.mode()).sample
        write_file(path, grid([*to_images(images), *to_images(decoded)], _NUM_SHOWN).save)

    @torch.no_grad()
    def result(self) -> AutoencoderKL:
        """Return the averaged autoencoder; its scaled latents have unit standard deviation."""
        vae: AutoencoderKL = self.average.module.eval()
        images = held_out_images(64, self.images.size).to(self.device)
        std = vae.encode(images).latent_dist.mode().std().item()
        vae.register_to_config(scaling_factor=round(1 / std, 5))
        return vae.requires_grad_(False)


def to_tensor(images: np.ndarray) -> Tensor:
    """Convert (N, H, W, 3) uint8 to (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2) / 127.5 - 1


def held_out_images(count: int, size: int) -> Tensor:
    """Return images that no stage is trained on, (count, 3, size, size) in [-1, 1]."""
    return to_tensor(np.stack([draw_image(HELD_OUT + i, size) for i in range(count)]))


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, images: Tensor) -> float:
    """Return the PSNR, in dB, of the reconstructions of images (N, 3, H, W) in [-1, 1]."""
    decoded = vae.decode(vae.encode(images).latent_dist.mode()).sample.clamp(-1, 1)
    return (10 * torch.log10(4 / F.mse_loss(decoded, images))).item()
