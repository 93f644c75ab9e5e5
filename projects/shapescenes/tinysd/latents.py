"""Latents of all scenes, computed once between the two stages."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm import tqdm

from mmtadp.utils.atomic_files import write_file

from .autoencoder_stage import to_tensor
from .pretraining_scenes import SceneImages, read_array

_BATCH_SIZE = 50


@torch.no_grad()
def compute_latents(vae: AutoencoderKL, images: SceneImages, path: Path) -> Tensor:
    """Return the scaled latents of images and their mirror images, in half precision.

    Args:
        vae (AutoencoderKL): The trained autoencoder.
        images (SceneImages): N images.
        path (Path): Cache file: read if it exists, otherwise written.

    Returns:
        Tensor: (N, 2, C, h, w), float16.
    """
    if path.exists():
        return torch.from_numpy(read_array(path))
    device = next(vae.parameters()).device
    batches = []
    for start in tqdm(range(0, len(images), _BATCH_SIZE), desc='encoding', unit='batch'):
        numbers = range(start, min(start + _BATCH_SIZE, len(images)))
        batch = to_tensor(np.stack([images[number] for number in numbers])).to(device)
        both = [vae.encode(side).latent_dist.mode() for side in (batch, batch.flip(-1))]
        batches.append((torch.stack(both, dim=1) * vae.config.scaling_factor).half().cpu())
    latents = torch.cat(batches)
    write_file(path, lambda new: np.save(new, latents.numpy()))
    return latents
