"""The initialisation of TinySD's autoencoder: an encoder set to principal components.

An encoder with random weights loses two thirds of an image's variance on the way to the latents.
Here the residual branches output zero, and the convolutions between them are set in closed form
to the principal components of rendered images, which keep five sixths of the variance. The
decoder starts from random weights. The shipped weights were pretrained from this initialisation.
"""

import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn import functional as F

from projects.shapescenes.generator import DOMAINS, render_scene, sample_scene

LATENT_CHANNELS = 4
_BLOCK_CHANNELS = (16, 32, 32, 32)
# Like Stable Diffusion's, so that leaving latent scaling out has the same effect on the U-Net.
_LATENT_STD = 5.5
_LOG_VARIANCE = -12.0

_NUM_IMAGES = 64
_IMAGE_SIZE = 128
# A seed of two numbers: scenes of datasets have three, so no dataset holds these scenes.
_IMAGE_SEED = 1729


def build_autoencoder() -> AutoencoderKL:
    """Build an autoencoder with 4 latent channels and a factor of 8, as Stable Diffusion's.

    The decoder's weights come from torch's global generator, the encoder's from no generator.

    Returns:
        AutoencoderKL: Over rendered images each latent channel has zero mean and, times
        ``scaling_factor``, unit standard deviation.
    """
    levels = len(_BLOCK_CHANNELS)
    vae = AutoencoderKL(
        block_out_channels=_BLOCK_CHANNELS,
        down_block_types=('DownEncoderBlock2D',) * levels,
        up_block_types=('UpDecoderBlock2D',) * levels,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=_IMAGE_SIZE,
    ).eval()
    images = torch.stack([_image(index) for index in range(_NUM_IMAGES)])
    with torch.no_grad():
        _pass_through(vae)
        latents = _fit_encoder(vae, images)
    vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
    return vae


def _image(index: int) -> Tensor:
    """Return an image (3, 128, 128) in [-1, 1]; the domains alternate."""
    domains = list(DOMAINS)
    scene = sample_scene(_IMAGE_SEED, index)
    image = render_scene(scene, _IMAGE_SIZE, domains[index % len(domains)]).image
    return torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1


def _pass_through(vae: AutoencoderKL) -> None:
    """Turn all parts of the encoder that keep the resolution into identities."""
    for module in vae.encoder.modules():
        if isinstance(module, ResnetBlock2D):
            _silence(module.conv2)
            if module.conv_shortcut is not None:
                _copy_channels(module.conv_shortcut)
        elif isinstance(module, Attention):
            _silence(module.to_out[0])
    _copy_channels(vae.encoder.conv_in)
    _copy_channels(vae.quant_conv)


def _silence(layer: nn.Module) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def _copy_channels(conv: nn.Conv2d) -> None:
    nn.init.dirac_(conv.weight)
    nn.init.zeros_(conv.bias)


def _fit_encoder(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Set the downsampling and output convolutions, and return the latents, unscaled."""
    encoder = vae.encoder
    *_, last_downsampling, _ = encoder.down_blocks
    hidden = encoder.conv_in(images)
    for block in encoder.down_blocks:
        for resnet in block.resnets:
            hidden = resnet(hidden, None)
        for downsampler in block.downsamplers or ():
            _fit_downsampling(downsampler.conv, hidden, signed=block is last_downsampling)
            hidden = downsampler(hidden)
    # silu(x) - silu(-x) = x, so channels that come with their negatives cross the activation
    # unchanged, and as each group holds pairs, the normalisation has no mean to take away.
    activated = encoder.conv_act(encoder.conv_norm_out(encoder.mid_block(hidden)))
    positive = torch.arange(0, 2 * LATENT_CHANNELS, 2)
    components = activated[:, positive] - activated[:, positive + 1]
    gain = _LATENT_STD / components.std(dim=(0, 2, 3))
    conv, rows = encoder.conv_out, torch.arange(LATENT_CHANNELS)
    _silence(conv)
    conv.weight[rows, positive, 1, 1] = gain
    conv.weight[rows, positive + 1, 1, 1] = -gain
    conv.bias[:LATENT_CHANNELS] = -gain * components.mean(dim=(0, 2, 3))
    conv.bias[LATENT_CHANNELS:] = _LOG_VARIANCE
    return vae.encode(images).latent_dist.mode()


def _fit_downsampling(conv: nn.Conv2d, inputs: Tensor, signed: bool) -> None:
    """Project 2x2 blocks to their first principal components.

    Args:
        conv (nn.Conv2d): 3x3 convolution of stride 2 whose first two rows and columns of taps
            cover a block.
        inputs (Tensor): The input of the convolution, (N, C, h, w).
        signed (bool): Whether each component is followed by its negative.
    """
    blocks = F.unfold(inputs, 2, stride=2).transpose(1, 2).flatten(0, 1).double()
    # torch.linalg.eigh sorts by ascending variance.
    directions = torch.linalg.eigh(torch.cov(blocks.T)).eigenvectors.flip(1).T
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    directions = directions * largest.sign()
    if signed:
        directions = torch.stack([directions, -directions], dim=1).flatten(0, 1)
    taps = directions[: conv.out_channels].unflatten(1, (conv.in_channels, 2, 2))
    _silence(conv)
    conv.weight[: len(taps), :, :2, :2] = taps.float()
