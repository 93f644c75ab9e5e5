"""``torch.compile`` and ``torch.export`` of the whole backbone, without graph breaks."""

import dataclasses

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch._dynamo.testing import CompileCounter

from tests.test_models.test_backbones.test_tadp_unet import build, image
from tests.utils.seeded_weights import seed_weights
from tests.utils.tiny_model import WIDTH, save_pipeline, tiny_diffusion_model

NULL = dict(type='NullTextPrompt')
# Tracing takes a second for every few layers.
UNET = dict(
    block_out_channels=(8, 8, 16),
    down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'),
    up_block_types=('CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
    layers_per_block=1,
    attention_head_dim=2,
    cross_attention_dim=WIDTH,
    norm_num_groups=4,
)
VAE = dict(
    block_out_channels=(4, 4, 4),
    down_block_types=('DownEncoderBlock2D',) * 3,
    up_block_types=('UpDecoderBlock2D',) * 3,
    norm_num_groups=2,
)


@pytest.fixture(scope='module')
def tiny_pipeline(tmp_path_factory):
    """Return a folder with fewer layers than that of the other tests."""
    model = tiny_diffusion_model()
    model = dataclasses.replace(
        model,
        unet=seed_weights(UNet2DConditionModel(**UNET), 'unet.'),
        vae=seed_weights(AutoencoderKL(**VAE), 'vae.'),
    )
    return save_pipeline(model, tmp_path_factory.mktemp('pipeline') / 'mini')


@pytest.fixture(autouse=True)
def forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def assert_close(features, references):
    for feature, reference in zip(features, references, strict=True):
        torch.testing.assert_close(feature, reference, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_set_captions_are_compiled_once(tiny_pipeline):
    backbone = build(tiny_pipeline).eval()
    counter = CompileCounter()
    compiled = torch.compile(backbone, fullgraph=True, backend=counter)
    inputs = image(64, 96, 2)
    for captions in (['a cat', 'a dog'], ['two birds', ''], ['a', 'b']):
        compiled.set_prompts(captions)
        assert_close(compiled(inputs), backbone(inputs, captions))
    assert counter.frame_count == 1
    with pytest.raises(RuntimeError, match='no prompts were set'):
        backbone(inputs)


@torch.no_grad()
def test_given_captions(tiny_pipeline):
    backbone = build(tiny_pipeline).eval()
    compiled = torch.compile(backbone, fullgraph=True, backend='eager')
    inputs = image(64, 64)
    assert_close(compiled(inputs, ['a cat']), backbone(inputs, ['a cat']))


def test_fixed_prompt_with_gradients(tiny_pipeline):
    backbone = build(tiny_pipeline, prompt=dict(NULL, text_adapter=dict(gamma=0.5))).train()
    inputs = image(64, 64)
    compiled = torch.compile(backbone, fullgraph=True, backend='aot_eager')
    gradients = []
    for model in (backbone, compiled):
        backbone.zero_grad()
        sum(f.square().mean() for f in model(inputs)).backward()
        gradients.append(
            {name: p.grad for name, p in backbone.named_parameters() if p.grad is not None}
        )
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-5)


class TestExport:
    @torch.no_grad()
    def test_fixed_prompt(self, tiny_pipeline):
        backbone = build(tiny_pipeline, prompt=NULL).eval()
        program = torch.export.export(backbone, (image(64, 96),), strict=False)
        inputs = image(64, 96) / 2
        assert_close(program.module()(inputs), backbone(inputs))

    @pytest.mark.parametrize('strict', [False, True])
    @torch.no_grad()
    def test_set_captions(self, tiny_pipeline, strict):
        backbone = build(tiny_pipeline).eval()
        backbone.set_prompts(['a cat'])
        program = torch.export.export(backbone, (image(64, 64),), strict=strict)
        inputs = image(64, 64) / 2
        assert_close(program.module()(inputs), backbone(inputs, ['a cat']))

    @pytest.mark.parametrize('strict', [False, True])
    @torch.no_grad()
    def test_given_captions(self, tiny_pipeline, strict):
        backbone = build(tiny_pipeline).eval()
        backbone(image(64, 64), ['a cat'])
        program = torch.export.export(backbone, (image(64, 64), ['a cat']), strict=strict)
        inputs = image(64, 64) / 2
        assert_close(program.module()(inputs, ['a cat']), backbone(inputs, ['a cat']))
        # Nothing of the tracing stays in the model.
        assert_close(backbone(inputs, ['a dog']), build(tiny_pipeline).eval()(inputs, ['a dog']))

    @torch.no_grad()
    def test_prompt_as_an_input(self, tiny_pipeline):
        backbone = build(tiny_pipeline).eval()
        prompts = [backbone.embed_prompts([caption]) for caption in ('a cat', 'a dog')]
        program = torch.export.export(
            backbone, (image(64, 64),), dict(prompt=prompts[0]), strict=False
        )
        outputs = [program.module()(image(64, 64), prompt=prompt) for prompt in prompts]
        assert_close(outputs[1], backbone(image(64, 64), ['a dog']))
        assert (outputs[0][0] - outputs[1][0]).abs().max() > 1e-3


def test_nan_is_still_an_error_in_eager_mode(tiny_pipeline):
    backbone = build(tiny_pipeline, prompt=NULL).eval()
    torch.compile(backbone, fullgraph=True, backend='eager')(image(64, 64))
    with pytest.raises(ValueError, match='NaN or infinity'):
        backbone(torch.full((1, 3, 64, 64), float('nan')))
