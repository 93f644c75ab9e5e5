import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmtadp.apis import attention_of_words, init_model
from mmtadp.apis.attention import word_tokens
from mmtadp.models import TADPUNetBackbone
from tests.utils.tiny_runs import tiny_config

CAPTION = 'a big red star next to another star, and a drumstick'


@pytest.fixture(scope='module')
def model(tiny_pipeline, tiny_images, tmp_path_factory):
    return init_model(tiny_config(tiny_pipeline, tiny_images, tmp_path_factory.mktemp('run')))


@pytest.fixture(scope='module')
def image():
    return np.random.RandomState(0).randint(0, 255, (80, 112, 3)).astype(np.uint8)


def test_tokens_of_words(model):
    tokens = [
        t.removesuffix('</w>')
        for t in model.backbone.prompt.text_encoder.tokenizer.tokenize(CAPTION)
    ]

    def find(word: str) -> list:
        # The start-of-text token comes first.
        return [tokens[i - 1] for i in word_tokens(model.backbone, CAPTION, word)]

    assert find('red') == ['red']
    assert find('Star') == ['star', 'star']
    assert find('big red star') == ['big', 'red', 'star']
    assert ''.join(find('drumstick')) == 'drumstick' and len(find('drumstick')) > 1
    with pytest.raises(ValueError, match="does not contain the word 'drum'"):
        word_tokens(model.backbone, CAPTION, 'drum')
    with pytest.raises(ValueError, match="'moon' is beyond .* 77 tokens"):
        word_tokens(model.backbone, 'star ' * 90 + 'moon', 'moon')


def test_maps_are_the_mean_of_the_backbone_s(model, image):
    maps = attention_of_words(model, image, CAPTION, ['red', 'star'])
    assert {word: values.shape for word, values in maps.items()} == {
        'red': (80, 112),
        'star': (80, 112),
    }
    backbone = model.backbone
    pixels = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        by_stride = backbone.attention_maps(backbone(pixels, [CAPTION]))
    (red,) = word_tokens(backbone, CAPTION, 'red')
    assert {stride: tuple(m.shape[2:]) for stride, m in by_stride.items()} == {
        16: (5, 7),
        32: (3, 4),
    }
    # At the centre of a cell of stride 32, which is a corner of four of stride 16.
    coarse = by_stride[32][0, red, 1, 2]
    fine = by_stride[16][0, red, 2:4, 4:6].mean()
    centre = maps['red'][47:49, 79:81].mean()
    assert centre == pytest.approx(((coarse + fine) / 2).item(), rel=0.02)
    assert 0.3 / 77 < maps['red'].mean() < 3 / 77


def test_all_tokens_add_up_to_one(model, image):
    every = attention_of_words(model, image, CAPTION, CAPTION.replace(',', '').split())
    seen = sum(every[word] for word in set(every))
    assert seen.max() < 1 and seen.min() > 0


def test_prompts_without_captions_are_an_error(model, image, monkeypatch):
    monkeypatch.setattr(model.backbone.prompt, 'meta_keys', ())
    with pytest.raises(ValueError, match='CaptionPrompt does not read captions'):
        attention_of_words(model, image, CAPTION, ['star'])


class TestWords:
    @pytest.fixture(scope='class')
    def backbone(self, tiny_pipeline, tmp_path_factory):
        file = tmp_path_factory.mktemp('tokens') / 'night.safetensors'
        save_file({'<night>': torch.randn(3, 32)}, file)
        prompt = dict(type='CaptionPrompt', learned_embeds=str(file))
        return TADPUNetBackbone(str(tiny_pipeline), prompt)

    def test_behind_a_token_of_three_vectors(self, backbone):
        caption = 'a <night> photo of a dog'
        ids = backbone.prompt.text_encoder.token_ids([caption])[0]
        dog = backbone.prompt.text_encoder.tokenizer('dog').input_ids[1]
        assert word_tokens(backbone, caption, 'dog') == [ids.index(dog)] == [8]
        assert word_tokens(backbone, caption, '<night>') == [2, 3, 4]
        assert word_tokens(backbone, caption, 'photo') == [5]

    @pytest.mark.parametrize(
        'caption, word, pieces',
        [
            ('a book on c++ here', 'c++', ['c', '++']),
            ('made in the U.S. today', 'U.S.', ['u', '.', 's', '.']),
            ('two  red\ncars', 'red cars', ['red', 'cars']),
            ('a caf\u00e9', 'cafe\u0301', ['caf\u00e9']),
            ('rock-and-roll', 'roll', ['roll']),
        ],
    )
    def test_words_with_other_characters(self, backbone, caption, word, pieces):
        encoder = backbone.prompt.text_encoder
        positions = word_tokens(backbone, caption, word)
        ids = [encoder.token_ids([caption])[0][position] for position in positions]
        text = encoder.tokenizer.decode(ids).replace('</w>', '').replace(' ', '')
        assert text == ''.join(pieces)

    def test_the_last_token_of_a_truncated_caption_is_no_word(self, backbone):
        caption = ' '.join(['cat'] * 75 + ['dog', 'dog'])
        assert word_tokens(backbone, caption.replace(' dog dog', ' dog'), 'cat')[-1] == 75
        with pytest.raises(ValueError, match="'dog' is beyond"):
            word_tokens(backbone, caption, 'dog')


def test_one_word(model, image):
    maps = attention_of_words(model, image, CAPTION, 'star')
    assert list(maps) == ['star'] and maps['star'].shape == (80, 112)
