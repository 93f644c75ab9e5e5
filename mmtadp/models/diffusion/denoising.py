"""Denoise: the noise schedule, the loss of the noise prediction, and images from noise."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import hub_folder
from mmtadp.utils.model_folders import read_model_json

from .loading import DiffusionModel
from .text_encoder import TextEncoder

# Stable Diffusion 1.x's, as its `v1-inference.yaml` and its release have it.
NOISE_SCHEDULE = dict(
    num_train_timesteps=1000,
    beta_schedule='scaled_linear',
    beta_start=0.00085,
    beta_end=0.012,
)
_PREDICTIONS = ('epsilon', 'v_prediction')


def load_noise_schedule(pretrained: str) -> DDPMScheduler:
    """Load the noise schedule of a diffusion model.

    Args:
        pretrained (str): A hub id, a diffusers folder or a single CompVis file. Files and folders
            without a scheduler have Stable Diffusion 1.x's schedule.

    Raises:
        RunError: If the scheduler's config is missing or damaged, or the model predicts neither
            noise nor velocity.
        ConnectionError: If a hub id cannot be fetched.
    """
    path = Path(pretrained).expanduser()
    if path.is_file() or (path.is_dir() and not (path / 'scheduler').is_dir()):
        return DDPMScheduler(**NOISE_SCHEDULE, clip_sample=False)
    source, name = f"pretrained='{pretrained}'", 'scheduler/scheduler_config.json'
    if not path.is_dir():
        path, _ = hub_folder(pretrained, source, lambda names: [name], name, "pretrained='DIR'")
    config = read_model_json(path / name, f'{source}: noise schedule')
    try:
        scheduler = DDPMScheduler.from_config(config)
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise RunError(f'{source}: {path / name} is not a noise schedule ({error}).') from error
    kind = scheduler.config.prediction_type
    if kind not in _PREDICTIONS:
        raise RunError(
            f"pretrained='{pretrained}': the scheduler's prediction_type is {kind!r}; expected "
            f'one of {_PREDICTIONS}.'
        )
    return scheduler


def encode_images(vae: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Return scaled latents that are drawn from the posterior.

    Args:
        vae (AutoencoderKL): In float32.
        images (Tensor): (N, 3, H, W) in [-1, 1].
        noise (Tensor): Standard normal values of the draw, (N, C, H / 8, W / 8); zeros give the
            mean.
    """
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        posterior = vae.encode(images).latent_dist
        latents = (posterior.mean + posterior.std * noise) * vae.config.scaling_factor
    # See LatentEncoder: channels come last in memory after the encoder's attention.
    return latents.contiguous()


def denoising_losses(
    unet: nn.Module,
    scheduler: DDPMScheduler,
    latents: Tensor,
    noise: Tensor,
    timesteps: Tensor,
    prompts: Tensor,
) -> Tensor:
    """Return the mean squared error of the noise prediction (paper, Sec. 3) of each latent, (N,).

    Args:
        unet (UNet2DConditionModel): epsilon_theta.
        scheduler (DDPMScheduler): Noise schedule; its ``prediction_type`` is noise or velocity.
        latents (Tensor): (N, C, h, w), scaled.
        noise (Tensor): Of the same shape.
        timesteps (Tensor): (N,), integers.
        prompts (Tensor): (N, T, D).
    """
    target = noise
    if scheduler.config.prediction_type == 'v_prediction':
        target = scheduler.get_velocity(latents, noise, timesteps)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    predicted = unet(noisy, timesteps, encoder_hidden_states=prompts).sample
    return F.mse_loss(predicted.float(), target.float(), reduction='none').mean(dim=(1, 2, 3))


@torch.no_grad()
def sample_images(
    model: DiffusionModel,
    scheduler: DDPMScheduler,
    encoder: TextEncoder,
    prompts: Sequence[str],
    seeds: Sequence[int],
    size: int,
    steps: int,
    guidance: float,
) -> list[Image.Image]:
    """Generate images by DDIM with classifier-free guidance, one for each prompt and seed.

    Args:
        model (DiffusionModel): The U-Net and the autoencoder, whose decoder is used.
        scheduler (DDPMScheduler): The noise schedule.
        encoder (TextEncoder): Text encoder of the prompts.
        prompts (Sequence[str]): N prompts.
        seeds (Sequence[int]): N seeds; an image is the same in any batch.
        size (int): Height and width, in pixels.
        steps (int): DDIM steps.
        guidance (float): 1 for none.
    """
    ddim = DDIMScheduler.from_config(scheduler.config, clip_sample=False)
    ddim.set_timesteps(steps)
    vae, device = model.vae, next(model.vae.parameters()).device
    side = size // 2 ** (len(vae.config.block_out_channels) - 1)
    shape = (model.unet.config.in_channels, side, side)
    latents = torch.stack(
        [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    ).to(device)
    dtype = next(model.unet.parameters()).dtype
    embeddings = encoder([*prompts, *[''] * len(prompts)]).to(device, dtype)
    for timestep in ddim.timesteps:
        both = torch.cat([latents, latents]).to(dtype)
        predicted = model.unet(both, timestep.to(device), encoder_hidden_states=embeddings).sample
        text, null = predicted.float().chunk(2)
        latents = ddim.step(null + guidance * (text - null), timestep, latents).prev_sample
    return to_images(vae.decode(latents / vae.config.scaling_factor).sample)


def to_tensor(image: Image.Image) -> Tensor:
    """Convert RGB in [0, 255] to (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1)


def to_images(images: Tensor) -> list[Image.Image]:
    """Convert (N, 3, H, W) in [-1, 1] to RGB in [0, 255]; values beyond are clipped."""
    scaled = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return [Image.fromarray(image.permute(1, 2, 0).cpu().numpy()) for image in scaled]
