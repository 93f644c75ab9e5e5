import sys

import pytest
import torch

from mmtadp.captioning import Captioner, Decoding
from mmtadp.captioning.model_inputs import PixelInputs, PromptedInputs
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import open_rgb
from mmtadp.utils.image_sources import find_images
from tests.utils.tiny_captioner import END, NUM_QUERIES, WORDS, save_encoder_decoder, save_llava


def prepared(captioner: Captioner, photos) -> list:
    return [captioner.inputs.prepare(open_rgb(image.path)) for image in find_images(str(photos))]


def captions(folder, photos, **kwargs) -> list[str]:
    captioner = Captioner.load(str(folder), Decoding(max_new_tokens=12), **kwargs)
    return captioner.caption(prepared(captioner, photos))


def prefer(captioner: Captioner, token: int) -> None:
    """Make a token far likelier than any other."""

    def raise_logit(module, args, logits):
        logits[..., token] += 1000
        return logits

    captioner.model.language_model.lm_head.register_forward_hook(raise_logit)


def test_blip2_captions_are_words_without_the_image_tokens(blip2, photos):
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12))
    images = prepared(captioner, photos)
    assert isinstance(captioner.inputs, PixelInputs)
    assert [image.shape for image in images] == [(3, 28, 28)] * 11
    assert type(captioner.inputs.image_processor).__name__ == 'BlipImageProcessorPil'
    texts = captioner.caption(images)
    assert len(set(texts)) > 7
    assert {word for text in texts for word in text.split()} <= set(WORDS)
    assert captioner.seconds > 0


@pytest.mark.parametrize('num_beams', [1, 3])
def test_a_caption_does_not_depend_on_its_batch(blip2, photos, num_beams):
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12, num_beams=num_beams))
    images = prepared(captioner, photos)
    together = captioner.caption(images)
    assert together == [captioner.caption([image])[0] for image in images]
    assert together[8:] == captioner.caption(images[8:])


@pytest.mark.parametrize('min_new_tokens', [0, 20, 40])
def test_number_of_new_tokens(blip2, photos, min_new_tokens):
    captioner = Captioner.load(str(blip2), Decoding(min_new_tokens))
    prefer(captioner, END)
    lengths, generate = [], captioner.model.generate

    def spy(**kwargs):
        tokens = generate(**kwargs)
        lengths.append(tokens.shape[1] - NUM_QUERIES - 1)
        return tokens

    captioner.model.generate = spy
    captioner.caption(prepared(captioner, photos)[:2])
    # The end of text is one more.
    assert lengths == [min_new_tokens + 1]


def test_at_most_77_new_tokens(blip2, photos):
    captioner = Captioner.load(str(blip2))
    prefer(captioner, 5)
    assert captioner.caption(prepared(captioner, photos)[:1]) == [' '.join(['the'] * 77)]


def test_greedy_and_beam_search_differ(blip2, photos):
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12))
    images = prepared(captioner, photos)
    assert captioner.caption(images) != captioner.caption(images, Decoding(0, 12, num_beams=4))


def test_other_search_for_an_empty_caption():
    assert Decoding(0, 77, 1).fallback() == Decoding(5, 77, 5)
    assert Decoding(20, 77, 5).fallback() == Decoding(20, 77, 1)
    assert Decoding(0, 3, 1).fallback() == Decoding(3, 3, 5)


@pytest.mark.parametrize('wrong', [(78, 77, 1), (-1, 77, 1), (0, 0, 1), (0, 77, 0)])
def test_impossible_searches(wrong):
    with pytest.raises(RunError, match='expected'):
        Decoding(*wrong)


@pytest.mark.parametrize('dtype', ['fp16', 'bf16'])
def test_half_precision(blip2, photos, dtype):
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12), dtype=dtype)
    assert (
        captioner.model.language_model.dtype
        == {
            'fp16': torch.float16,
            'bf16': torch.bfloat16,
        }[dtype]
    )
    texts = captioner.caption(prepared(captioner, photos))
    assert len(texts) == 11 and all(texts)


def test_a_prompt_is_not_part_of_the_caption(blip2, photos):
    plain = captions(blip2, photos)
    asked = captions(blip2, photos, prompt='a photo of')
    assert asked != plain
    assert not any(text.startswith('a photo of a photo of') for text in asked)
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12), prompt='a photo of')
    assert isinstance(captioner.inputs, PromptedInputs)
    images = prepared(captioner, photos)
    assert asked == [captioner.caption([image])[0] for image in images]


def test_vision_encoder_decoder(tmp_path, photos):
    texts = captions(save_encoder_decoder(tmp_path), photos)
    assert len(set(texts)) > 5
    with pytest.raises(RunError, match='a prompt'):
        captions(tmp_path, photos, prompt='a photo of')


def test_a_model_that_converses_is_asked(tmp_path, photos):
    captioner = Captioner.load(str(save_llava(tmp_path)), Decoding(max_new_tokens=12))
    assert 'one sentence' in captioner.inputs.text
    images = prepared(captioner, photos)
    texts = captioner.caption(images)
    assert len(set(texts)) > 5
    assert not any('user' in text[:6] for text in texts)
    assert texts == [captioner.caption([image])[0] for image in images]


def test_unknown_model():
    with pytest.raises(RunError, match=r"model 'no/such'.*hf download"):
        Captioner.load('no/such')


def test_folder_without_a_model(tmp_path):
    with pytest.raises(RunError, match='cannot be loaded as an image-to-text model'):
        Captioner.load(str(tmp_path))


def test_a_model_that_reads_no_images(tiny_pipeline):
    with pytest.raises(RunError, match='cannot be loaded as an image-to-text model'):
        Captioner.load(str(tiny_pipeline / 'text_encoder'))


def test_missing_weights_are_not_made_up(blip2, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in blip2.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / 'model.safetensors')
    del weights['query_tokens']
    save_file(weights, tmp_path / 'model.safetensors', metadata=dict(format='pt'))
    with pytest.raises(RunError, match=r"1 missing .e.g. .'query_tokens'"):
        Captioner.load(str(tmp_path))


def test_int8_says_what_to_install(blip2, monkeypatch):
    monkeypatch.setitem(sys.modules, 'bitsandbytes', None)
    with pytest.raises(RunError, match='int8 needs .*bitsandbytes: pip install'):
        Captioner.load(str(blip2), dtype='int8')


def test_int8(blip2, photos):
    pytest.importorskip('bitsandbytes', reason='bitsandbytes is an optional extra')
    pytest.importorskip('accelerate', reason='accelerate comes with the extra int8')
    captioner = Captioner.load(str(blip2), Decoding(max_new_tokens=12), dtype='int8')
    weights = captioner.model.language_model.model.decoder.layers[0].fc1.weight
    assert weights.dtype == torch.int8
    texts = captioner.caption(prepared(captioner, photos))
    assert len(texts) == 11 and len(set(texts)) > 5
