import json

import pytest
from transformers import CLIPTokenizer

from projects.shapescenes.generator import CLASSES, DOMAINS, sample_scene, scene_captions
from projects.shapescenes.tinysd.clip_tokenizer import build_clip_tokenizer, build_vocabulary


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory) -> CLIPTokenizer:
    return build_clip_tokenizer(tmp_path_factory.mktemp('clip') / 'tokenizer')


def test_a_word_is_a_token(tokenizer):
    assert tokenizer.model_max_length == 77
    longest = 0
    for index in range(300):
        for caption in scene_captions(sample_scene(7, index)):
            ids = tokenizer(caption).input_ids
            words = caption.replace(',', ' ,').split()
            assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == [f'{w}</w>' for w in words]
            assert tokenizer.decode(ids[1:-1]).split() == words
            longest = max(longest, len(ids))
    # No caption is cut off, and there is room for a domain's words before it.
    assert 40 < longest <= 60
    for phrase in (*CLASSES, *DOMAINS, 'a dark night photo of a', 'a constructivism painting of'):
        assert len(tokenizer(phrase).input_ids) == len(phrase.split()) + 2


def test_any_text_has_tokens(tokenizer):
    text = 'Zebra-crossing: 42 naïve 猫s, <watercolor> sks'
    ids = tokenizer(text).input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    # The end-of-text token is also the one for the unknown.
    assert tokenizer.eos_token_id not in ids[1:-1]
    plain = tokenizer.decode(ids, skip_special_tokens=True).replace(' ', '')
    assert plain == text.lower().replace(' ', '')
    padded = tokenizer(text, padding='max_length').input_ids
    assert len(padded) == 77 and padded[len(ids) :] == [tokenizer.eos_token_id] * (77 - len(ids))
    assert len(tokenizer('star ' * 100, truncation=True).input_ids) == 77


def test_order_is_that_of_clip(tokenizer):
    vocab = tokenizer.get_vocab()
    assert sorted(vocab.values()) == list(range(len(vocab)))
    assert vocab['<|endoftext|>'] == len(vocab) - 1
    # 256 bytes, 256 bytes that end a word, then merges.
    assert vocab['!'] == 0 and vocab['!</w>'] == 256


def test_shipped_tokenizer_is_the_same(tokenizer, tinysd):
    shipped = CLIPTokenizer.from_pretrained(tinysd / 'tokenizer')
    assert shipped.get_vocab() == tokenizer.get_vocab()


def test_merges_do_not_spoil_one_another(tmp_path):
    """'do' is a merge of 'door'; in 'window' it must not come first."""
    words = ['door', 'window', 'wind', 'in', 'do', 'down', 'o']
    vocab, merges = build_vocabulary(words)
    assert all(f'{word}</w>' in vocab for word in words)
    (tmp_path / 'vocab.json').write_text(json.dumps(vocab))
    (tmp_path / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(map(' '.join, merges)))
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize(' '.join(words)) == [f'{word}</w>' for word in words]
