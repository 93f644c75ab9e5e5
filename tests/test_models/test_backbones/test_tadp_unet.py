import copy
import io
import math

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch.nn import functional as F

from mmtadp.models import TADPUNetBackbone, no_pretrained_weights
from tests.utils.seeded_weights import seeded_image, seeded_values
from tests.utils.tiny_model import OUT_CHANNELS


def build(pipeline, **kwargs) -> TADPUNetBackbone:
    return TADPUNetBackbone(pretrained=str(pipeline), **kwargs)


def image(height: int, width: int, batch_size: int = 1) -> torch.Tensor:
    return torch.from_numpy(seeded_values('image', (batch_size, 3, height, width))).clamp(-1, 1)


@pytest.mark.parametrize('height, width', [(64, 64), (128, 192), (100, 70), (33, 250), (20, 12)])
def test_maps_have_the_published_channels_and_strides(tiny_pipeline, height, width):
    backbone = build(tiny_pipeline)
    backbone.set_prompts(['a cat'])
    features = backbone(image(height, width))
    assert backbone.strides == (8, 16, 32, 64)
    assert list(backbone.out_channels) == OUT_CHANNELS
    for feature, channels, stride in zip(features, OUT_CHANNELS, backbone.strides, strict=True):
        assert feature.shape == (
            1,
            channels,
            math.ceil(height / stride),
            math.ceil(width / stride),
        )


def test_padding_is_of_zeros_right_and_bottom(tiny_pipeline):
    backbone = build(tiny_pipeline, prompt=dict(type='NullTextPrompt')).eval()
    kept = build(tiny_pipeline, prompt=dict(type='NullTextPrompt'), keep_padding=True).eval()
    inputs = image(100, 70)
    padded = F.pad(inputs, (0, 58, 0, 28))
    cropped, whole, reference = backbone(inputs), kept(inputs), kept(padded)
    for small, large, expected, stride in zip(cropped, whole, reference, backbone.strides):
        assert large.shape[-2:] == (128 // stride, 128 // stride)
        torch.testing.assert_close(large, expected)
        torch.testing.assert_close(small, expected[..., : small.shape[2], : small.shape[3]])


def test_attention_maps_are_probabilities_of_tokens(tiny_pipeline):
    backbone = build(tiny_pipeline)
    backbone.set_prompts(['a cat', 'two dogs on a street'])
    features = backbone(image(64, 128, 2))
    maps = backbone.attention_maps(features)
    assert {stride: tuple(m.shape) for stride, m in maps.items()} == {
        16: (2, 77, 4, 8),
        32: (2, 77, 2, 4),
    }
    for m in maps.values():
        assert m.min() >= 0
        torch.testing.assert_close(m.sum(dim=1), torch.ones(2, *m.shape[-2:]))
        # Far from uniform, and each image has its own.
        assert m.max() > 3 / 77
        assert (m[0] - m[1]).abs().max() > 1e-3


def test_an_image_does_not_depend_on_its_batch(tiny_pipeline):
    backbone = build(tiny_pipeline).eval()
    inputs = image(64, 64, 2)
    backbone.set_prompts(['a cat', 'a dog'])
    both = backbone(inputs)
    backbone.set_prompts(['a dog'])
    alone = backbone(inputs[1:])
    for batched, single in zip(both, alone):
        torch.testing.assert_close(batched[1:], single, rtol=1e-4, atol=1e-5)


def test_the_prompt_matters_and_null_text_is_the_empty_caption(tiny_pipeline):
    backbone = build(tiny_pipeline).eval()
    null = build(tiny_pipeline, prompt=dict(type='NullTextPrompt')).eval()
    inputs = image(64, 64)
    outputs = {}
    for caption in ('', 'a cat', 'a dog'):
        backbone.set_prompts([caption])
        outputs[caption] = backbone(inputs)[0]
    torch.testing.assert_close(outputs[''], null(inputs)[0])
    assert (outputs['a cat'] - outputs['a dog']).abs().max() > 1e-3
    assert (outputs['a cat'] - outputs['']).abs().max() > 1e-3


def test_latents_are_scaled_by_the_factor_of_the_autoencoder(tiny_pipeline):
    scaled = build(tiny_pipeline).vae
    raw = build(tiny_pipeline, latent_scaling=False).vae
    inputs = seeded_image(1, 64)
    torch.testing.assert_close(scaled(inputs), 0.18215 * raw(inputs))


def test_sampled_latents_spread_around_the_mode(tiny_pipeline):
    mode = build(tiny_pipeline, latent_scaling=False).vae
    sample = build(tiny_pipeline, latent_scaling=False, latent_sampling='sample').vae
    inputs = seeded_image(1, 64)
    torch.manual_seed(0)
    first, second = sample(inputs), sample(inputs)
    assert (first - second).abs().max() > 1e-3
    torch.manual_seed(0)
    torch.testing.assert_close(sample(inputs), first)
    mean = torch.stack([sample(inputs) for _ in range(30)]).mean(dim=0)
    spread = (first - mode(inputs)).abs().mean()
    assert (mean - mode(inputs)).abs().mean() < 0.4 * spread


def test_depth_has_no_attention_maps(tiny_pipeline):
    backbone = build(tiny_pipeline, use_attn=False)
    backbone.set_prompts(['a room'])
    features = backbone(image(64, 64))
    assert backbone.out_channels == (32, 32, 64, 64)
    assert [f.shape[1] for f in features] == [32, 32, 64, 64]
    assert backbone.attention_maps(features) == {}


@pytest.mark.parametrize('use_attn, explicit', [(True, 10), (False, 0)])
def test_attention_is_fused_except_where_maps_are_used(
    tiny_pipeline, monkeypatch, use_attn, explicit
):
    backbone = build(tiny_pipeline, use_attn=use_attn).eval()
    layers = [m for m in backbone.unet.modules() if isinstance(m, Attention)]
    called, fused = [], []
    attention = F.scaled_dot_product_attention

    def count(query, *args, **kwargs):
        fused.append(query)
        return attention(query, *args, **kwargs)

    for layer in layers:
        layer.register_forward_hook(lambda *args: called.append(args[0]))
    with torch.no_grad():
        latents = backbone.vae(image(64, 64))
        prompt = backbone.prompt([dict(caption='a cat')], 1)
        monkeypatch.setattr(F, 'scaled_dot_product_attention', count)
        backbone.features(latents, 1, prompt)
    assert len(called) == len(layers) == 32
    assert len(called) - len(fused) == explicit


def test_every_trained_parameter_gets_a_gradient(tiny_pipeline):
    """So that DDP needs no ``find_unused_parameters``."""
    backbone = build(tiny_pipeline, prompt=dict(type='CaptionPrompt', text_adapter=dict()))
    backbone.set_prompts(['a cat'])
    sum(f.sum() for f in backbone(image(64, 64))).backward()
    trained = [name for name, p in backbone.named_parameters() if p.requires_grad]
    without = [name for name in trained if backbone.get_parameter(name).grad is None]
    assert without == []
    assert not any(name.startswith(('vae.', 'prompt.text_encoder.')) for name in trained)
    assert any(name.startswith('prompt.text_adapter.') for name in trained)
    assert not any('conv_out' in name for name, _ in backbone.unet.named_parameters())
    assert not any('decoder' in name for name, _ in backbone.named_parameters())


@pytest.mark.parametrize('attn_grad', [False, True])
def test_gradient_through_the_maps_is_a_choice(tiny_pipeline, attn_grad):
    """The published code's maps carry none: its blocks run inside a checkpoint function."""
    backbone = build(tiny_pipeline, attn_grad=attn_grad)
    backbone.set_prompts(['a cat'])
    features = backbone(image(64, 64))
    loss = sum(m.square().sum() for m in backbone.attention_maps(features).values())
    loss.backward()
    gradients = [p.grad.abs().max() for p in backbone.unet.parameters() if p.grad is not None]
    assert (max(gradients) > 1e-3) == attn_grad


def test_frozen_parts_stay_as_they_are(tiny_pipeline):
    backbone = build(tiny_pipeline).train()
    assert backbone.unet.training
    assert not any(m.training for m in backbone.vae.modules())
    assert not any(m.training for m in backbone.prompt.text_encoder.modules())
    before = copy.deepcopy(backbone.state_dict())
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=1e-3, weight_decay=0.1)
    backbone.set_prompts(['a cat'])
    sum(f.square().mean() for f in backbone(image(64, 64))).backward()
    optimizer.step()
    after = backbone.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert all(key.startswith('unet.') for key in changed)
    assert len(changed) == sum(key.startswith('unet.') for key in before)


def test_gradient_checkpointing_changes_nothing_but_memory(tiny_pipeline):
    gradients = []
    for with_cp in (False, True):
        backbone = build(tiny_pipeline, with_cp=with_cp).train()
        assert backbone.unet.is_gradient_checkpointing == with_cp
        backbone.set_prompts(['a cat'])
        sum(f.square().mean() for f in backbone(image(64, 64))).backward()
        gradients.append({n: p.grad for n, p in backbone.named_parameters() if p.requires_grad})
        # The backward pass recomputes layers. Tensors kept from that, parts of a graph, could not
        # be copied.
        copy.deepcopy(backbone)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast(tiny_pipeline, dtype):
    backbone = build(tiny_pipeline).eval()
    inputs = image(64, 64)
    backbone.set_prompts(['a cat'])
    expected = backbone(inputs)
    backbone.set_prompts(['a cat'])
    with torch.autocast('cpu', dtype=dtype):
        features = backbone(inputs)
    tolerance = 0.1 if dtype == torch.bfloat16 else 0.02
    for feature, reference in zip(features, expected):
        assert torch.isfinite(feature).all()
        assert (feature.float() - reference).abs().mean() < tolerance * reference.abs().mean()


def test_copies_are_independent(tiny_pipeline):
    """EMA and test-time augmentation copy models."""
    backbone = build(tiny_pipeline).eval()
    backbone.set_prompts(['a cat'])
    expected = backbone(image(64, 64))
    clone = copy.deepcopy(backbone)
    with torch.no_grad():
        for parameter in backbone.unet.parameters():
            parameter.zero_()
    clone.set_prompts(['a cat'])
    for feature, reference in zip(clone(image(64, 64)), expected):
        torch.testing.assert_close(feature, reference)


def test_state_dict_suffices(tiny_pipeline):
    backbone = build(tiny_pipeline).eval()
    file = io.BytesIO()
    torch.save(backbone.state_dict(), file)
    file.seek(0)
    with no_pretrained_weights():
        empty = build(tiny_pipeline).eval()
    with pytest.raises(RuntimeError, match='built without weights'):
        empty(image(64, 64))
    empty.load_state_dict(torch.load(file, weights_only=True))
    for model in (backbone, empty):
        model.set_prompts(['a cat'])
    for feature, reference in zip(empty(image(64, 64)), backbone(image(64, 64))):
        torch.testing.assert_close(feature, reference, rtol=1e-4, atol=1e-5)


def test_a_state_dict_holds_every_weight_once(tiny_pipeline):
    backbone = build(tiny_pipeline)
    storages = [value.data_ptr() for value in backbone.state_dict().values()]
    assert len(storages) == len(set(storages))
    assert {key.split('.')[0] for key in backbone.state_dict()} == {'unet', 'vae', 'prompt'}


def test_state_dict_of_another_model_is_refused(tiny_pipeline):
    state = build(tiny_pipeline).state_dict()
    classes = build(tiny_pipeline, prompt=dict(type='AverageEOSPrompt', class_names=['a', 'b']))
    with pytest.raises(ValueError, match=r"lacks 1 of \d+ tensors.*'prompt.embeddings'"):
        classes.load_state_dict(state, strict=False)
    three = build(tiny_pipeline, prompt=dict(type='AverageEOSPrompt', class_names=['a', 'b', 'c']))
    with pytest.raises(ValueError, match=r'\(2, 32\) in the checkpoint and \(3, 32\) in'):
        three.load_state_dict(classes.state_dict(), strict=False)
