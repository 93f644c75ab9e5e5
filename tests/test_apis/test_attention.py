import numpy as np
import pytest
import torch

from mmtadp.apis import attention_of_words, init_model
from mmtadp.apis.attention import word_tokens
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
