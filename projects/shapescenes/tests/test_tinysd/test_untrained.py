import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from mmengine.config import Config
from torch.nn import functional as F
from transformers import CLIPTokenizer

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import load_diffusion_model
from projects.shapescenes.generator import (
    CLASSES,
    DOMAINS,
    render_scene,
    sample_scene,
    scene_captions,
)
from projects.shapescenes.tinysd.untrained import build_tiny_pipeline
from projects.shapescenes.tinysd.untrained.vocabulary import build_vocabulary


@pytest.fixture(scope='module')
def folder(demo_pipeline) -> Path:
    return demo_pipeline


@pytest.fixture(scope='module')
def model(folder):
    return load_diffusion_model(str(folder))


@pytest.fixture(scope='module')
def pictures() -> torch.Tensor:
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


def test_diffusers_reads_the_folder(folder):
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert type(pipeline).__name__ == 'StableDiffusionPipeline'
    assert type(pipeline.tokenizer).__name__ == 'CLIPTokenizer'
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        'a red star on the grass', height=64, width=64, num_inference_steps=1, output_type='np'
    ).images[0]
    assert image.shape == (64, 64, 3)


def test_it_is_small(model):
    millions = {
        name: sum(p.numel() for p in getattr(model, name).parameters()) / 1e6
        for name in ('unet', 'vae', 'text_model')
    }
    assert 4.5 < sum(millions.values()) < 5.8
    assert millions['unet'] > 4


def test_same_seed_same_weights(folder, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    again = build_tiny_pipeline(tmp_path / 'again')
    assert torch.equal(torch.rand(3), expected), "the caller's random stream was touched"
    other = build_tiny_pipeline(tmp_path / 'other', seed=1)
    for name in ('unet/diffusion_pytorch_model', 'text_encoder/model'):
        data = (folder / f'{name}.safetensors').read_bytes()
        assert (again / f'{name}.safetensors').read_bytes() == data
        assert (other / f'{name}.safetensors').read_bytes() != data
    vae = 'vae/diffusion_pytorch_model.safetensors'
    assert (again / vae).read_bytes() == (folder / vae).read_bytes()


def test_an_existing_folder(folder, tmp_path):
    before = (folder / 'unet' / 'config.json').stat().st_mtime_ns
    assert build_tiny_pipeline(folder) == folder
    assert (folder / 'unet' / 'config.json').stat().st_mtime_ns == before
    with pytest.raises(FileExistsError, match="seed 0' where .*seed 1' was to be written"):
        build_tiny_pipeline(folder, seed=1)
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(FileExistsError, match='holds None'):
        build_tiny_pipeline(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['notes.txt']


def test_backbone_and_config(folder, repository):
    backbone = TADPUNetBackbone(pretrained=str(folder))
    assert backbone.strides == (8, 16, 32, 64)
    cfg = Config.fromfile(
        repository / 'projects' / 'shapescenes' / 'configs' / 'tadp_shapescenes.py'
    )
    assert list(backbone.out_channels) == cfg.model.neck.in_channels
    assert cfg.model.decode_head.num_classes == len(CLASSES)
    backbone.eval().set_prompts(['a star on the grass'])
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 96, 128))
    assert [tuple(f.shape[2:]) for f in features] == [(12, 16), (6, 8), (3, 4), (2, 2)]
    assert all(torch.isfinite(f).all() for f in features)


def test_a_word_is_a_token(model):
    tokenizer = model.tokenizer
    assert tokenizer.model_max_length == 77
    longest = 0
    for index in range(300):
        for caption in scene_captions(sample_scene(7, index)):
            ids = tokenizer(caption).input_ids
            words = caption.replace(',', ' ,').split()
            assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == [f'{w}</w>' for w in words]
            assert tokenizer.decode(ids[1:-1]).split() == words
            longest = max(longest, len(ids))
    # Nothing of a caption is cut off, and there is room for a domain's words in front.
    assert 40 < longest <= 60
    for phrase in (*CLASSES, *DOMAINS, 'a dark night photo of a', 'a constructivism painting of'):
        assert len(tokenizer(phrase).input_ids) == len(phrase.split()) + 2


def test_any_text_has_tokens(model):
    tokenizer = model.tokenizer
    text = 'Zebra-crossing: 42 naïve 猫s, <watercolor> sks'
    ids = tokenizer(text).input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    # The end-of-text token is also the one for the unknown.
    assert tokenizer.eos_token_id not in ids[1:-1]
    plain = tokenizer.decode(ids, skip_special_tokens=True).replace(' ', '')
    assert plain == text.lower().replace(' ', '')
    padded = tokenizer(text, padding='max_length').input_ids
    assert len(padded) == 77 and padded[len(ids) :] == [tokenizer.eos_token_id] * (77 - len(ids))
    assert len(tokenizer('star ' * 100, truncation=True).input_ids) == 77


def test_vocabulary_is_clips(model, folder):
    vocab = json.loads((folder / 'tokenizer' / 'vocab.json').read_text())
    assert sorted(vocab.values()) == list(range(len(vocab)))
    assert len(vocab) == model.text_model.config.vocab_size
    assert vocab['<|endoftext|>'] == len(vocab) - 1 == model.text_model.config.eos_token_id
    # The order of CLIP's own: 256 bytes, 256 that end a word, merges.
    assert vocab['!'] == 0 and vocab['!</w>'] == 256


def test_merges_do_not_spoil_one_another(tmp_path):
    """'do' is a merge of 'door'; in 'window' it must not come first."""
    words = ['door', 'window', 'wind', 'in', 'do', 'down', 'o']
    vocab, merges = build_vocabulary(words)
    assert all(f'{word}</w>' in vocab for word in words)
    (tmp_path / 'vocab.json').write_text(json.dumps(vocab))
    (tmp_path / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(map(' '.join, merges)))
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize(' '.join(words)) == [f'{word}</w>' for word in words]


def test_scaled_latents_have_unit_deviation(model, pictures):
    latents = encode(model, pictures)
    assert latents.shape == (16, 4, 16, 16)
    assert 0.9 < latents.std() < 1.1
    assert latents.mean().abs() < 0.1
    assert ((latents.std(dim=(0, 2, 3)) - 1).abs() < 0.35).all()
    # As with Stable Diffusion, leaving the scaling out makes a difference.
    assert 0.15 < model.vae.config.scaling_factor < 0.22
    with torch.no_grad():
        posterior = model.vae.encode(pictures).latent_dist
    assert posterior.std.max() < 0.01


def test_latents_keep_the_picture(model, pictures):
    """A linear map of each latent pixel explains four fifths of its 8x8 block's variance."""
    latents = encode(model, pictures).permute(0, 2, 3, 1).reshape(-1, 4)
    latents = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    blocks = F.unfold(pictures, 8, stride=8).transpose(1, 2).flatten(0, 1)
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
