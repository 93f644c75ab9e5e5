"""The forward process, the loss of the noise prediction, and images from noise."""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from mmtadp.utils.resumable import RunError

from .loading import DiffusionModel, load_diffusion_model
from .stable_diffusion import NOISE_SCHEDULE
from .text_encoder import TextEncoder

_SEED_STRIDE = 1_000_003


def load_model(pretrained: str, architecture: str | None) -> tuple[DiffusionModel, DDPMScheduler]:
    """Load a whole diffusion model, frozen, and its noise schedule.

    Args:
        pretrained (str): A hub id, a diffusers folder or a single CompVis file.
        architecture (str, optional): Of a single file.

    Raises:
        RunError: If it cannot be loaded; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
    """
    try:
        model = load_diffusion_model(pretrained, architecture)
        scheduler = _load_scheduler(pretrained)
    except (FileNotFoundError, ValueError, ConnectionError) as error:
        raise RunError(str(error)) from error
    for module in (model.unet, model.vae, model.text_model):
        module.requires_grad_(False).eval()
    return model, scheduler


def _load_scheduler(pretrained: str) -> DDPMScheduler:
    path = Path(pretrained).expanduser()
    if path.is_file() or (path.is_dir() and not (path / 'scheduler').is_dir()):
        return DDPMScheduler(**NOISE_SCHEDULE, clip_sample=False)
    try:
        config = DDPMScheduler.load_config(pretrained, subfolder='scheduler')
    except OSError as error:
        raise RunError(
            f"pretrained='{pretrained}' has no scheduler/scheduler_config.json, which names the "
            f'noise schedule ({str(error).splitlines()[0]}).'
        ) from error
    return DDPMScheduler.from_config(config)


def encode_images(vae: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Return scaled latents drawn from the posterior.

    Args:
        vae (AutoencoderKL): In float32.
        images (Tensor): (N, 3, H, W) in [-1, 1].
        noise (Tensor): What the draw is made of, (N, C, H / 8, W / 8).
    """
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        posterior = vae.encode(images).latent_dist
        latents = (posterior.mean + posterior.std * noise) * vae.config.scaling_factor
    # See LatentEncoder: channels come last in memory behind the encoder's attention.
    return latents.contiguous()


def denoising_losses(
    unet: nn.Module,
    scheduler: DDPMScheduler,
    latents: Tensor,
    noise: Tensor,
    timesteps: Tensor,
    prompts: Tensor,
) -> Tensor:
    """Return the mean squared error of the noise prediction (paper, Sec. 3), (N,).

    Args:
        unet (UNet2DConditionModel): epsilon_theta.
        scheduler (DDPMScheduler): Which says what is predicted: noise, or velocity.
        latents (Tensor): (N, C, h, w), scaled.
        noise (Tensor): Of the same shape.
        timesteps (Tensor): (N,), integers.
        prompts (Tensor): (N, T, D).
    """
    kind = scheduler.config.prediction_type
    if kind == 'epsilon':
        target = noise
    elif kind == 'v_prediction':
        target = scheduler.get_velocity(latents, noise, timesteps)
    else:
        raise RunError(
            f"the scheduler's prediction_type is {kind!r}; expected 'epsilon' or 'v_prediction'."
        )
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
    """Return images by DDIM with classifier-free guidance, one per prompt and seed.

    Args:
        model (DiffusionModel): The U-Net and the autoencoder, whose decoder makes the images.
        scheduler (DDPMScheduler): The noise schedule.
        encoder (TextEncoder): Text encoder of the prompts.
        prompts (Sequence[str]): N prompts.
        seeds (Sequence[int]): N seeds, so that an image is the same in any batch.
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


def to_images(images: Tensor) -> list[Image.Image]:
    """Return RGB images, [0, 255], of (N, 3, H, W) in [-1, 1]; other values are clipped."""
    scaled = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return [Image.fromarray(image.permute(1, 2, 0).cpu().numpy()) for image in scaled]


def noise_generator(seed: int, number: int) -> torch.Generator:
    """Return the generator of one draw of noise: a function of the run's seed and its number.

    A continued run then draws what an uninterrupted one would have drawn.
    """
    return torch.Generator().manual_seed(seed * _SEED_STRIDE + number)
