"""The forward process, the loss of the noise prediction, and pictures from noise."""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from mmtadp.models.diffusion import DiffusionModel, TextEncoder, load_diffusion_model
from mmtadp.utils.resumable import RunError

from .images import to_images

# Of Stable Diffusion 1.x, for files that do not say.
_SCHEDULE = dict(
    num_train_timesteps=1000,
    beta_schedule='scaled_linear',
    beta_start=0.00085,
    beta_end=0.012,
    clip_sample=False,
)


def load_model(pretrained: str, architecture: str | None) -> tuple[DiffusionModel, DDPMScheduler]:
    """A whole diffusion model, frozen, and its noise schedule.

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
        return DDPMScheduler(**_SCHEDULE)
    try:
        config = DDPMScheduler.load_config(pretrained, subfolder='scheduler')
    except OSError as error:
        raise RunError(
            f"pretrained='{pretrained}' has no scheduler/scheduler_config.json, which names the "
            f'noise schedule ({str(error).splitlines()[0]}).'
        ) from error
    return DDPMScheduler.from_config(config)


def encode_images(vae: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Scaled latents drawn from the posterior.

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
    """Mean squared error of the noise prediction (paper, Sec. 3), of each latent: (N,).

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
def sample_pictures(
    model: DiffusionModel,
    scheduler: DDPMScheduler,
    encoder: TextEncoder,
    prompts: Sequence[str],
    seeds: Sequence[int],
    size: int,
    steps: int,
    guidance: float,
) -> list[Image.Image]:
    """Pictures by DDIM with classifier-free guidance, one of each prompt and seed.

    Args:
        model (DiffusionModel): The U-Net and the autoencoder, whose decoder makes the pictures.
        scheduler (DDPMScheduler): The noise schedule.
        encoder (TextEncoder): Text encoder of the prompts.
        prompts (Sequence[str]): N prompts.
        seeds (Sequence[int]): N seeds, so that a picture is the same in any batch.
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
