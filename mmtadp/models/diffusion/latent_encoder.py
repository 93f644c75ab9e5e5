"""The frozen image encoder of the autoencoder."""

import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn

from mmtadp.utils.arguments import check_bool, check_choice

SAMPLING = ('mode', 'sample')


class LatentEncoder(nn.Module):
    """Encode images to latents, ``z = s * E(x)`` (paper, Sec. 4.1), without gradient.

    Only the encoder of the autoencoder is kept.

    Args:
        vae (AutoencoderKL): The whole autoencoder.
        scaling (bool): Multiply by the autoencoder's own ``scaling_factor`` s (0.18215 for
            Stable Diffusion 1.x). False is VPD(R) in the paper's tables.
        sampling (str): 'mode' takes the posterior's mean; 'sample' draws from the posterior, as
            the published code does when it scales.

    Raises:
        ArgumentError: If ``scaling`` is not a boolean, or ``sampling`` is neither.
    """

    def __init__(self, vae: AutoencoderKL, scaling: bool = True, sampling: str = 'mode') -> None:
        super().__init__()
        check_bool('latent_scaling', scaling)
        check_choice('latent_sampling', sampling, SAMPLING)
        self.encoder = vae.encoder
        self.quant_conv = vae.quant_conv if vae.config.use_quant_conv else nn.Identity()
        self.latent_channels = vae.config.latent_channels
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.scale = vae.config.scaling_factor if scaling else 1.0
        self.sampling = sampling
        for module in self.encoder.modules():
            if isinstance(module, Attention):
                module.register_forward_hook(_contiguous)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> 'LatentEncoder':
        """Stay in eval mode for any ``mode``: the encoder is frozen."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the latents of images.

        Args:
            images (Tensor): (N, 3, H, W) in [-1, 1]; H and W multiples of :attr:`factor`.

        Returns:
            Tensor: Latents, (N, C, H / factor, W / factor).
        """
        posterior = DiagonalGaussianDistribution(self.quant_conv(self.encoder(images)))
        latents = posterior.mode() if self.sampling == 'mode' else posterior.sample()
        # After the encoder's attention, channels come last in memory. In this layout GroupNorm is
        # a thousand times less precise on a CPU: features of scaled latents would differ by 1e-3.
        return (latents * self.scale).contiguous()


def _contiguous(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
    # torch.compile on a CPU assumes this layout in the group norm that follows.
    return output.contiguous()
