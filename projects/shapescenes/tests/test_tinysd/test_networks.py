import pytest
import torch
from torch.nn import functional as F

from mmtadp.models.diffusion import DiffusionModel
from projects.shapescenes.generator import DOMAINS, render_scene, sample_scene
from projects.shapescenes.tinysd.clip_tokenizer import build_clip_tokenizer
from projects.shapescenes.tinysd.initial_autoencoder import build_autoencoder
from projects.shapescenes.tinysd.networks import (
    build_text_encoder,
    build_unet,
    write_untrained_unet,
)


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> DiffusionModel:
    """What TinySD's pretraining starts from."""
    tokenizer = build_clip_tokenizer(tmp_path_factory.mktemp('clip') / 'tokenizer')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet, vae = build_unet(), build_autoencoder()
        text_model = build_text_encoder(tokenizer.get_vocab()).eval()
    return DiffusionModel(unet, vae, text_model, tokenizer, skip_pretrained=False)


@pytest.fixture(scope='module')
def images() -> torch.Tensor:
    """(16, 3, 128, 128) in [-1, 1], of all domains; the autoencoder was not fitted to them."""
    domains = list(DOMAINS)
    images = [
        render_scene(sample_scene(0, 0, i), 128, domains[i % len(domains)]).image
        for i in range(16)
    ]
    return torch.stack([torch.from_numpy(i).permute(2, 0, 1) for i in images]) / 127.5 - 1


def encode(model, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.vae.encode(images).latent_dist.mode() * model.vae.config.scaling_factor


def test_it_is_small(model):
    millions = {
        name: sum(p.numel() for p in getattr(model, name).parameters()) / 1e6
        for name in ('unet', 'vae', 'text_model')
    }
    assert 4.5 < sum(millions.values()) < 5.8
    assert millions['unet'] > 4


def test_untrained_unet(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for name, seed in (('first', 0), ('again', 0), ('other', 1)):
        write_untrained_unet(tmp_path / name / 'unet', seed)
    assert torch.equal(torch.rand(3), expected), "the caller's random stream was touched"
    first, again, other = (
        (tmp_path / name / 'unet' / 'diffusion_pytorch_model.safetensors').read_bytes()
        for name in ('first', 'again', 'other')
    )
    assert first == again != other
    before = (tmp_path / 'first' / 'unet' / 'config.json').stat().st_mtime_ns
    write_untrained_unet(tmp_path / 'first' / 'unet')
    assert (tmp_path / 'first' / 'unet' / 'config.json').stat().st_mtime_ns == before


def test_scaled_latents_have_unit_deviation(model, images):
    latents = encode(model, images)
    assert latents.shape == (16, 4, 16, 16)
    assert 0.9 < latents.std() < 1.1
    assert latents.mean().abs() < 0.1
    assert ((latents.std(dim=(0, 2, 3)) - 1).abs() < 0.35).all()
    # As with Stable Diffusion, leaving the scaling out makes a difference.
    assert 0.15 < model.vae.config.scaling_factor < 0.22
    with torch.no_grad():
        posterior = model.vae.encode(images).latent_dist
    assert posterior.std.max() < 0.01


def test_latents_keep_the_image(model, images):
    """A linear map of each latent pixel explains four fifths of its 8x8 block's variance."""
    latents = encode(model, images).permute(0, 2, 3, 1).reshape(-1, 4)
    latents = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    blocks = F.unfold(images, 8, stride=8).transpose(1, 2).flatten(0, 1)
    decoded = latents @ torch.linalg.lstsq(latents, blocks).solution
    unexplained = (decoded - blocks).square().sum() / (blocks - blocks.mean(0)).square().sum()
    assert unexplained < 0.2


def test_text_encoder_tells_words_apart(model):
    """The embedding at a word's place depends on the word more than on the place."""
    ids = model.tokenizer(
        ['a star on the grass', 'a gear on the grass', 'the grass on a star'],
        padding='max_length',
        return_tensors='pt',
    ).input_ids
    with torch.no_grad():
        star, gear, swapped = model.text_model(ids).last_hidden_state
    assert F.cosine_similarity(star[2], gear[2], dim=0) < 0.8
    assert F.cosine_similarity(star[2], swapped[5], dim=0) > F.cosine_similarity(
        star[2], gear[2], dim=0
    )
