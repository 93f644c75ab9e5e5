"""``torch.compile`` and ``torch.export`` of the whole backbone, without graph breaks."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from tests.test_models.test_backbones.test_tadp_unet import build, image

NULL = dict(type='NullTextPrompt')


@pytest.fixture(autouse=True)
def forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def assert_close(features, references):
    for feature, reference in zip(features, references, strict=True):
        torch.testing.assert_close(feature, reference, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_set_captions_are_compiled_once(minimal_pipeline):
    backbone = build(minimal_pipeline).eval()
    counter = CompileCounter()
    compiled = torch.compile(backbone, fullgraph=True, backend=counter)
    inputs = image(64, 96, 2)
    for captions in (['a cat', 'a dog'], ['two birds', ''], ['a', 'b']):
        compiled.set_prompts(captions)
        assert_close(compiled(inputs), backbone(inputs, captions))
    assert counter.frame_count == 1
    for captions in (['a cat', 'a dog'], ['two birds', '']):
        prompt = backbone.embed_prompts(captions)
        assert_close(compiled(inputs, prompt=prompt), backbone(inputs, captions))
    assert counter.frame_count == 2
    with pytest.raises(RuntimeError, match='no prompts were set'):
        backbone(inputs)


@torch.no_grad()
def test_given_captions(minimal_pipeline):
    backbone = build(minimal_pipeline).eval()
    compiled = torch.compile(backbone, fullgraph=True, backend='eager')
    inputs = image(64, 64)
    assert_close(compiled(inputs, ['a cat']), backbone(inputs, ['a cat']))


def test_fixed_prompt_with_gradients(minimal_pipeline):
    backbone = build(minimal_pipeline, prompt=dict(NULL, text_adapter=dict(gamma=0.5))).train()
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
    def test_fixed_prompt(self, minimal_pipeline):
        backbone = build(minimal_pipeline, prompt=NULL).eval()
        program = torch.export.export(backbone, (image(64, 96),), strict=False)
        inputs = image(64, 96) / 2
        assert_close(program.module()(inputs), backbone(inputs))

    @pytest.mark.parametrize('strict', [False, True])
    @torch.no_grad()
    def test_set_captions(self, minimal_pipeline, strict):
        backbone = build(minimal_pipeline).eval()
        backbone.set_prompts(['a cat'])
        program = torch.export.export(backbone, (image(64, 64),), strict=strict)
        inputs = image(64, 64) / 2
        assert_close(program.module()(inputs), backbone(inputs, ['a cat']))

    @pytest.mark.parametrize('strict', [False, True])
    @torch.no_grad()
    def test_given_captions(self, minimal_pipeline, strict):
        backbone = build(minimal_pipeline).eval()
        backbone(image(64, 64), ['a cat'])
        program = torch.export.export(backbone, (image(64, 64), ['a cat']), strict=strict)
        inputs = image(64, 64) / 2
        assert_close(program.module()(inputs, ['a cat']), backbone(inputs, ['a cat']))
        # Nothing of the tracing stays in the model.
        assert_close(
            backbone(inputs, ['a dog']), build(minimal_pipeline).eval()(inputs, ['a dog'])
        )

    @torch.no_grad()
    def test_prompt_as_an_input(self, minimal_pipeline):
        backbone = build(minimal_pipeline).eval()
        prompts = [backbone.embed_prompts([caption]) for caption in ('a cat', 'a dog')]
        program = torch.export.export(
            backbone, (image(64, 64),), dict(prompt=prompts[0]), strict=False
        )
        outputs = [program.module()(image(64, 64), prompt=prompt) for prompt in prompts]
        assert_close(outputs[1], backbone(image(64, 64), ['a dog']))
        assert (outputs[0][0] - outputs[1][0]).abs().max() > 1e-3


def test_nan_is_still_an_error_in_eager_mode(minimal_pipeline):
    backbone = build(minimal_pipeline, prompt=NULL).eval()
    torch.compile(backbone, fullgraph=True, backend='eager')(image(64, 64))
    with pytest.raises(ValueError, match='NaN or infinity'):
        backbone(torch.full((1, 3, 64, 64), float('nan')))
