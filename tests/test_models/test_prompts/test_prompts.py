import pytest
import torch
from torch import nn

from mmtadp.models import (
    AverageEOSPrompt,
    CaptionPrompt,
    CategoryEOSPrompt,
    ClassEmbeddingsPrompt,
    ClassNamesPrompt,
    NullTextPrompt,
    TADPUNetBackbone,
    TextAdapter,
)
from mmtadp.models.prompts.average_eos_cache import MAX_LENGTH, average_eos, templates
from mmtadp.registry import PROMPTS
from tests.utils.tiny_model import WIDTH, tiny_diffusion_model


@pytest.fixture(scope='module')
def model():
    return tiny_diffusion_model()


def test_caption_prompt(model):
    prompt = CaptionPrompt(model)
    samples = [dict(caption='a cat', img_path='a.png'), dict(caption='a dog')]
    embedded = prompt(samples, 2)
    assert prompt.meta_keys == ('caption',)
    assert embedded.shape == (2, prompt.num_tokens, WIDTH) == (2, 77, WIDTH)
    torch.testing.assert_close(embedded, prompt.text_encoder(['a cat', 'a dog']))


def test_null_text_keeps_no_text_encoder(model):
    prompt = NullTextPrompt(model)
    assert prompt.meta_keys == ()
    assert list(prompt.state_dict()) == ['embeddings']
    expected = CaptionPrompt(model)([dict(caption='')], 1)
    torch.testing.assert_close(prompt([], 3), expected.expand(3, -1, -1))


def test_average_eos_is_the_mean_over_80_templates(model):
    """Checked against the text model itself, one text at a time."""
    names = ['cat', 'potted plant']
    prompt = AverageEOSPrompt(model, names)
    assert len(templates()) == 80
    for index, name in enumerate(names):
        pooled = []
        for template in templates():
            ids = model.tokenizer(
                template.format(name),
                padding='max_length',
                truncation=True,
                max_length=MAX_LENGTH,
                return_tensors='pt',
            ).input_ids
            end = (ids[0] == model.tokenizer.eos_token_id).nonzero()[0, 0]
            with torch.no_grad():
                pooled.append(model.text_model(input_ids=ids).last_hidden_state[0, end])
        torch.testing.assert_close(
            prompt.embeddings[index], torch.stack(pooled).mean(dim=0), rtol=1e-4, atol=1e-5
        )
    assert prompt.num_tokens == 2
    assert prompt([], 3).shape == (3, 2, WIDTH)
    assert 'text_encoder' not in dict(prompt.named_children())


def test_average_eos_is_computed_once(model, cache_folder, monkeypatch):
    first = AverageEOSPrompt(model, ['umbrella'])
    monkeypatch.setattr(
        'mmtadp.models.prompts.average_eos_cache.average_eos',
        lambda *args: pytest.fail('computed again'),
    )
    assert torch.equal(AverageEOSPrompt(model, ['umbrella']).embeddings, first.embeddings)
    assert list(cache_folder.glob('class_embeddings/*.safetensors'))


def test_cached_embeddings_are_of_one_text_encoder(model):
    first = AverageEOSPrompt(model, ['cat']).embeddings
    other = tiny_diffusion_model()
    with torch.no_grad():
        other.text_model.final_layer_norm.bias += 1
    torch.testing.assert_close(AverageEOSPrompt(other, ['cat']).embeddings, first + 1)


def test_order_of_classes(model):
    encoder = CaptionPrompt(model).text_encoder
    embeddings = average_eos(encoder, ['cat', 'dog'])
    torch.testing.assert_close(average_eos(encoder, ['dog', 'cat']), embeddings.flip(0))


class TestTextAdapter:
    def test_formula(self):
        adapter = TextAdapter(4)
        prompt = torch.randn(2, 3, 4)
        first, last = adapter.mlp[0], adapter.mlp[2]
        hidden = nn.functional.gelu(prompt @ first.weight.T + first.bias)
        expected = prompt + 1e-4 * (hidden @ last.weight.T + last.bias)
        torch.testing.assert_close(adapter(prompt), expected)

    def test_starts_next_to_the_prompt_itself(self, model):
        samples = [dict(caption='a cat')]
        plain = CaptionPrompt(model)(samples, 1)
        adapted = CaptionPrompt(model, text_adapter=dict())(samples, 1)
        difference = (adapted - plain).abs().max()
        assert 0 < difference < 1e-3

    @pytest.mark.parametrize(
        'cls, kwargs',
        [
            (CaptionPrompt, {}),
            (NullTextPrompt, {}),
            (AverageEOSPrompt, dict(class_names=['cat'])),
            (CategoryEOSPrompt, dict(class_names=['cat'])),
            (ClassEmbeddingsPrompt, dict(class_names=['cat', 'dog'])),
            (ClassNamesPrompt, dict(class_names=['cat', 'dog'])),
        ],
    )
    def test_goes_with_every_prompt(self, model, cls, kwargs):
        prompt = cls(model, text_adapter=dict(gamma=0.5), **kwargs)
        assert prompt.describe()['text_adapter'] is True
        samples = [dict(caption='a cat', category_id=0)]
        adapted = prompt(samples, 1)
        torch.testing.assert_close(adapted, prompt.text_adapter(prompt.embed(samples, 1)))
        assert (adapted - prompt.embed(samples, 1)).abs().max() > 1e-3
        adapted.sum().backward()
        assert prompt.text_adapter.gamma.grad is not None


def test_a_prompt_of_a_user(tiny_pipeline):
    """A registered type declares the keys it reads; the backbone does not know its name."""

    @PROMPTS.register_module()
    class RoomPrompt(CaptionPrompt):
        meta_keys = ('room',)

        def embed(self, samples, batch_size):
            return self.text_encoder([sample['room'] for sample in samples])

    try:
        backbone = TADPUNetBackbone(str(tiny_pipeline), prompt=dict(type='RoomPrompt'))
        backbone.set_prompts([dict(room='a kitchen')])
        assert backbone(torch.zeros(1, 3, 64, 64))[1].shape == (1, 109, 4, 4)
        try:
            backbone.set_prompts(['a caption'])
        except RuntimeError as error:
            assert "RoomPrompt needs ['room'] of image 0" in str(error)
        else:
            pytest.fail('a missing key must be an error')
    finally:
        PROMPTS.module_dict.pop('RoomPrompt')
