"""Prompts made of class names: their own tokens (Eq. 2), and all names as one caption (Eq. 3)."""

import pytest
import torch

from mmtadp.models import (
    AverageEOSPrompt,
    CategoryEOSPrompt,
    ClassEmbeddingsPrompt,
    ClassNamesPrompt,
    TADPUNetBackbone,
    no_pretrained_weights,
)
from mmtadp.models.diffusion import load_diffusion_model
from tests.utils.seeded_weights import seeded_image
from tests.utils.tiny_model import OUT_CHANNELS, WIDTH, tiny_diffusion_model

# Pascal VOC's classes in the words that the published files use.
VOC = [
    *('background', 'airplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat'),
    *('chair', 'cow', 'dining table', 'dog', 'horse', 'motorcycle', 'person', 'potted plant'),
    *('sheep', 'sofa', 'train', 'television'),
]
NAMES = ['cat', 'potted plant', 'television']


@pytest.fixture(scope='module')
def model():
    return tiny_diffusion_model()


@pytest.fixture(scope='module')
def without_weights(tiny_pipeline):
    with no_pretrained_weights():
        return load_diffusion_model(str(tiny_pipeline))


def encode(model, text):
    """Ids and last hidden states of one text, straight from tokenizer and text model."""
    ids = model.tokenizer(
        text, padding='max_length', truncation=True, return_tensors='pt'
    ).input_ids
    with torch.no_grad():
        return ids[0], model.text_model(input_ids=ids).last_hidden_state[0]


class TestClassEmbeddings:
    def test_rows_of_each_name_alone(self, model):
        prompt = ClassEmbeddingsPrompt(model, NAMES)
        # <start> cat <end>, <start> potted plant <end>, <start> television <end>
        places = [('cat', 1), ('potted plant', 1), ('potted plant', 2), ('television', 1)]
        expected = torch.stack([encode(model, name)[1][place] for name, place in places])
        torch.testing.assert_close(prompt.embeddings, expected)
        assert prompt.meta_keys == ()
        assert prompt([], 3).shape == (3, 4, WIDTH)
        assert list(prompt.state_dict()) == ['embeddings']

    def test_tokens_of_voc(self, model, without_weights):
        for source in (model, without_weights):
            assert ClassEmbeddingsPrompt(source, VOC).num_tokens == 23
            assert ClassEmbeddingsPrompt(source, VOC, keep_first_bos=True).num_tokens == 24

    def test_published_code_keeps_the_first_start_of_text(self, model):
        """Its branch 'class_names' cuts each name off before the first end-of-text token."""
        kept = []
        for position, name in enumerate(VOC):
            ids, hidden = encode(model, name)
            end = (ids == model.tokenizer.eos_token_id).nonzero()[0, 0]
            kept.append(hidden[0 if position == 0 else 1 : end])
        published = ClassEmbeddingsPrompt(model, VOC, keep_first_bos=True).embeddings
        torch.testing.assert_close(published, torch.cat(kept))
        torch.testing.assert_close(ClassEmbeddingsPrompt(model, VOC).embeddings, published[1:])

    def test_a_name_longer_than_the_encoder(self, model):
        prompt = ClassEmbeddingsPrompt(model, [' '.join(['cat'] * 100), 'dog'])
        assert prompt.num_tokens == 75 + 1
        torch.testing.assert_close(prompt.embeddings[-1], encode(model, 'dog')[1][1])


class TestClassNames:
    def test_one_caption(self, model):
        prompt = ClassNamesPrompt(model, NAMES)
        expected = encode(model, 'cat potted plant television')[1]
        torch.testing.assert_close(prompt.embeddings, expected)
        assert prompt.num_tokens == 77
        assert prompt.meta_keys == ()
        assert prompt([], 2).shape == (2, 77, WIDTH)

    def test_names_beyond_77_tokens_are_cut_off_and_that_is_said(self, model, monkeypatch):
        said = []
        monkeypatch.setattr(
            'mmtadp.models.diffusion.text_encoder.print_log',
            lambda message, **kw: said.append(message),
        )
        names = [f'{colour} {thing}' for colour in ('red', 'blue') for thing in VOC]
        prompt = ClassNamesPrompt(model, names)
        assert len(said) == 1
        assert 'a caption of 90 tokens is truncated to 77' in said[0]
        torch.testing.assert_close(prompt.embeddings, encode(model, ' '.join(names))[1])

    def test_tokens_without_weights(self, without_weights):
        assert ClassNamesPrompt(without_weights, NAMES).num_tokens == 77


@pytest.mark.parametrize(
    'cls', [AverageEOSPrompt, CategoryEOSPrompt, ClassEmbeddingsPrompt, ClassNamesPrompt]
)
class TestNames:
    @pytest.mark.parametrize('names', ['cat', [], (), None, {'cat'}])
    def test_are_a_list(self, model, cls, names):
        with pytest.raises(ValueError, match='class_names must be a list with at least one'):
            cls(model, names)

    @pytest.mark.parametrize(
        'names, found',
        [
            (['cat', ''], "got '' at index 1"),
            ([' ', 'cat', 3], "got ' ' at index 0, 3 at index 2"),
            ([None] * 5, 'None at index 2 and 2 more'),
        ],
    )
    def test_are_text(self, model, cls, names, found):
        with pytest.raises(ValueError, match=f'a list of names, .*{found}'):
            cls(model, names)

    def test_are_written_down(self, model, cls):
        assert cls(model, tuple(NAMES)).describe()['class_names'] == NAMES


@pytest.mark.parametrize(
    'prompt, tokens',
    [
        (dict(type='ClassEmbeddingsPrompt', class_names=VOC), 23),
        (dict(type='ClassEmbeddingsPrompt', class_names=VOC, keep_first_bos=True), 24),
        (dict(type='ClassNamesPrompt', class_names=VOC, text_adapter=dict()), 77),
        (dict(type='AverageEOSPrompt', class_names=NAMES), 3),
        (dict(type='CategoryEOSPrompt', class_names=NAMES, text_adapter=dict()), 1),
    ],
)
def test_a_state_dict_fills_a_backbone_without_weights(tiny_pipeline, prompt, tokens):
    backbone = TADPUNetBackbone(str(tiny_pipeline), prompt=prompt).eval()
    with no_pretrained_weights():
        empty = TADPUNetBackbone(str(tiny_pipeline), prompt=prompt).eval()
    maps = tokens - 77
    expected_channels = [32, OUT_CHANNELS[1] + maps, OUT_CHANNELS[2] + maps, 64]
    assert list(empty.out_channels) == list(backbone.out_channels) == expected_channels
    empty.load_state_dict(backbone.state_dict())
    features = []
    for model in (backbone, empty):
        model.set_prompts([dict(category_id=1)])
        with torch.no_grad():
            features.append(model(seeded_image(1, 64)))
    for one, other in zip(*features, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
