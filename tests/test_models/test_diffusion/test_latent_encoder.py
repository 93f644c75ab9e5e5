import torch
from diffusers import AutoencoderKL

from mmtadp.models.diffusion import LatentEncoder
from tests.utils.seeded_weights import seed_weights, seeded_image
from tests.utils.tiny_model import VAE


def test_latents_keep_the_precision_of_what_follows():
    """With channels last in memory, GroupNorm on a CPU loses three digits around a large mean."""
    encoder = LatentEncoder(AutoencoderKL(**VAE))
    seed_weights(encoder, 'vae.')
    latents = encoder(seeded_image(1, 64))
    assert latents.is_contiguous()
    torch.manual_seed(0)
    conv, norm = torch.nn.Conv2d(4, 32, 3, padding=1), torch.nn.GroupNorm(32, 32)
    with torch.no_grad():
        conv.weight *= 0.05 / latents.std()
        conv.bias += 5
        found = norm(conv(latents))
        expected = norm.double()(conv(latents).double())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-3)
