import pytest
import torch

from projects.shapescenes.captioner.domain_images import held_out_scene
from projects.shapescenes.captioner.wording import (
    IGNORED,
    LONG_MIN_NEW_TOKENS,
    MAX_NEW_TOKENS,
    MORE,
    UNKNOWN,
    Wording,
    build_word_tokenizer,
)
from projects.shapescenes.generator import scene_captions


@pytest.fixture(scope='module')
def tokenizer():
    return build_word_tokenizer()


@pytest.fixture(scope='module')
def scenes():
    return [held_out_scene(index) for index in range(300)]


def tokens(tokenizer, text):
    return tokenizer(text, add_special_tokens=False).input_ids


def test_every_caption_comes_back(tokenizer, scenes):
    unknown = tokenizer.convert_tokens_to_ids(UNKNOWN)
    for caption in (caption for scene in scenes for caption in scene_captions(scene)):
        ids = tokens(tokenizer, caption)
        assert unknown not in ids
        assert tokenizer.decode(ids) == caption
    assert len(scenes) == 300


def test_the_long_caption_stands_alone(tokenizer, scenes):
    long, short = scene_captions(scenes[0])
    ids = tokens(tokenizer, f'{short} {MORE} {long} </s> <pad>')
    assert tokenizer.decode(ids, skip_special_tokens=True) == long
    assert tokenizer.batch_decode([tokens(tokenizer, short), ids]) == [short, f'{long} </s> <pad>']


def test_lengths_leave_room(tokenizer, scenes):
    """The end of a short caption comes before the minimum that asks for the long one."""
    lengths = [[len(tokens(tokenizer, text)) for text in scene_captions(s)] for s in scenes]
    assert max(short for _, short in lengths) < LONG_MIN_NEW_TOKENS
    both = [long + short + 2 for long, short in lengths]
    assert max(both) <= MAX_NEW_TOKENS
    # Hardly any text with both captions is shorter than the minimum.
    assert sum(number < LONG_MIN_NEW_TOKENS for number in both) == 0


def test_batch(tokenizer, scenes):
    wording = Wording(tokenizer, long_share=0.25)
    batch = wording.batch(scenes, torch.Generator().manual_seed(0))
    inputs, labels = batch['decoder_input_ids'], batch['labels']
    assert inputs.shape == labels.shape and inputs.dtype == labels.dtype == torch.int64
    start, end, more = tokenizer.convert_tokens_to_ids(['<s>', '</s>', MORE])
    assert (inputs[:, 0] == start).all() and ((inputs == more).sum(1) == 1).all()
    # The next token, but for the place at which a text may end or go on.
    rows, places = (inputs == more).nonzero(as_tuple=True)
    forks = labels[rows, places - 1]
    assert set(forks.tolist()) == {end, more}
    assert (forks == more).float().mean().item() == pytest.approx(0.25, abs=0.07)
    length = int((labels[0] != IGNORED).sum())
    following = inputs[0, 1:length].clone()
    following[places[0] - 1] = forks[0]
    assert torch.equal(labels[0, : length - 1], following)
    assert labels[0, length - 1] == end and (labels[0, length:] == IGNORED).all()
    same = wording.batch(scenes, torch.Generator().manual_seed(0))
    assert torch.equal(same['labels'], labels)
