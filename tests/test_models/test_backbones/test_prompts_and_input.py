import pytest
import torch
from mmengine.registry import MODELS

from mmtadp.models import TADPUNetBackbone
from tests.test_models.test_backbones.test_tadp_unet import build, image


class TestPrompts:
    def test_entries_serve_one_forward(self, tiny_pipeline):
        backbone = build(tiny_pipeline)
        backbone.set_prompts(['a cat'])
        backbone(image(64, 64))
        with pytest.raises(RuntimeError, match='CaptionPromptHook'):
            backbone(image(64, 64))

    def test_entries_serve_all_windows_of_an_owner(self, tiny_pipeline):
        backbone = build(tiny_pipeline).eval()
        backbone.prompt_state.begin()
        backbone.set_prompts([dict(caption='a cat')])
        calls = []
        backbone.prompt.register_forward_hook(lambda *args: calls.append(1))
        with torch.no_grad():
            first, second = backbone(image(64, 64))[0], backbone(image(64, 64))[0]
        torch.testing.assert_close(first, second)
        assert len(calls) == 1, 'the windows of an image share the embedded prompt'
        backbone.prompt_state.end()
        with pytest.raises(RuntimeError, match='no prompts were set'):
            backbone(image(64, 64))

    def test_failed_forward_forgets(self, tiny_pipeline):
        backbone = build(tiny_pipeline)
        backbone.set_prompts(['a cat', 'a dog'])
        with pytest.raises(RuntimeError, match='2 images for a batch of 1'):
            backbone(image(64, 64))
        with pytest.raises(RuntimeError, match='no prompts were set'):
            backbone(image(64, 64))

    @pytest.mark.parametrize('sample', [dict(img_path='a.png'), dict(caption=None)])
    def test_missing_key(self, tiny_pipeline, sample):
        backbone = build(tiny_pipeline)
        with pytest.raises(RuntimeError, match='CaptionLoadTransform.*meta_keys'):
            backbone.set_prompts([sample])

    def test_a_single_string_is_no_list(self, tiny_pipeline):
        with pytest.raises(ValueError, match='one entry per image'):
            build(tiny_pipeline).set_prompts('a cat')

    def test_captions_of_one_call(self, tiny_pipeline):
        backbone = build(tiny_pipeline).eval()
        inputs = image(64, 64, 2)
        with torch.no_grad():
            given = backbone(inputs, ['a cat', 'a dog'])
            backbone.set_prompts(['a cat', 'a dog'])
            expected = backbone(inputs)
            other = backbone(inputs, captions=('a dog', 'a cat'))
        for feature, reference in zip(given, expected, strict=True):
            torch.testing.assert_close(feature, reference)
        assert (other[0] - given[0]).abs().max() > 1e-3
        with pytest.raises(RuntimeError, match='no prompts were set'):
            backbone(inputs)

    def test_captions_for_a_prompt_type_that_reads_none(self, tiny_pipeline):
        backbone = build(tiny_pipeline, prompt=dict(type='NullTextPrompt'))
        with pytest.raises(ValueError, match='NullTextPrompt does not read captions'):
            backbone(image(64, 64), ['a cat'])

    def test_number_of_captions(self, tiny_pipeline):
        backbone = build(tiny_pipeline)
        with pytest.raises(RuntimeError, match='2 images for a batch of 1'):
            backbone(image(64, 64), ['a cat', 'a dog'])
        with pytest.raises(ValueError, match='one entry per image'):
            backbone(image(64, 64), 'a cat')

    def test_prompts_that_need_nothing(self, tiny_pipeline):
        backbone = build(tiny_pipeline, prompt=dict(type='NullTextPrompt'))
        assert backbone(image(64, 64, 2))[0].shape[0] == 2


class TestBadInput:
    @pytest.mark.parametrize('value', [float('nan'), float('inf')])
    def test_not_finite(self, tiny_pipeline, value):
        backbone = build(tiny_pipeline)
        backbone.set_prompts(['a', 'b'])
        inputs = image(64, 64, 2)
        inputs[1, 0, 3, 3] = value
        with pytest.raises(ValueError, match=r'image\(s\) \[1\].*NaN or infinity'):
            backbone(inputs)

    def test_shape(self, tiny_pipeline):
        with pytest.raises(ValueError, match=r'\(N, 3, H, W\), got \(1, 1, 64, 64\)'):
            build(tiny_pipeline)(torch.zeros(1, 1, 64, 64))

    @pytest.mark.parametrize(
        'kwargs, message',
        [
            (dict(timestep=1000), 'timestep must be an integer from 0 to 999, got 1000'),
            (dict(latent_sampling='mean'), "got 'mean'"),
            (
                dict(prompt=dict(type='Caption')),
                "'Caption' is not a prompt type.*NullTextPrompt.*mean 'CaptionPrompt'",
            ),
        ],
    )
    def test_arguments(self, tiny_pipeline, kwargs, message):
        with pytest.raises(ValueError, match=message):
            build(tiny_pipeline, **kwargs)

    def test_typos_are_not_swallowed(self, tiny_pipeline):
        with pytest.raises(TypeError, match='timesteps'):
            build(tiny_pipeline, timesteps=1)


def test_names_resolve_from_the_registries_of_mmseg_and_mmdet(tiny_pipeline):
    from mmdet.registry import MODELS as MMDET_MODELS
    from mmseg.registry import MODELS as MMSEG_MODELS

    for registry in (MODELS, MMSEG_MODELS, MMDET_MODELS):
        for name in ('mmtadp.TADPUNetBackbone', 'TADPUNetBackbone'):
            assert registry.get(name) is TADPUNetBackbone
