"""Latents of all scenes, computed once between the stages."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm import tqdm

from mmtadp.utils.atomic_files import write_file

from .autoencoder_stage import to_tensor
from .pretraining_scenes import ScenePictures

_BATCH_SIZE = 50


@torch.no_grad()
def compute_latents(vae: AutoencoderKL, pictures: ScenePictures, path: Path) -> Tensor:
    """Scaled latents of pictures and of their mirror images, in half precision.

    Args:
        vae (AutoencoderKL): The trained autoencoder.
        pictures (ScenePictures): N pictures.
        path (Path): A file that keeps them; where it is there, it is read.

    Returns:
        Tensor: (N, 2, C, h, w), float16.
    """
    if path.exists():
        return torch.from_numpy(np.load(path))
    device = next(vae.parameters()).device
    batches = []
    for start in tqdm(range(0, len(pictures), _BATCH_SIZE), desc='encoding', unit='batch'):
        numbers = range(start, min(start + _BATCH_SIZE, len(pictures)))
        images = to_tensor(np.stack([pictures[number] for number in numbers])).to(device)
        both = [vae.encode(side).latent_dist.mode() for side in (images, images.flip(-1))]
        batches.append((torch.stack(both, dim=1) * vae.config.scaling_factor).half().cpu())
    latents = torch.cat(batches)
    write_file(path, lambda new: np.save(new, latents.numpy()))
    return latents
