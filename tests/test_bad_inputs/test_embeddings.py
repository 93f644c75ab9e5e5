"""Class embeddings, their cache, learned tokens, and configs in published checkpoints."""

import json
import random

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.converters.published.settings import find_settings, literal_config
from mmtadp.models.diffusion import TextEncoder
from mmtadp.models.prompts import average_eos_cache
from mmtadp.models.prompts.average_eos_cache import cached_average_eos, cached_file
from mmtadp.models.prompts.embedding_files import (
    AVERAGE_EOS,
    fitting_embeddings,
    read_embeddings,
    save_embeddings,
)
from mmtadp.utils.learned_tokens import add_learned_tokens, read_learned_tokens

NAMES = ['cat', 'dog']
ROWS = torch.arange(64.0).view(2, 32)
NAN = torch.full((2, 32), torch.nan)


def saved(path, content, metadata=None):
    if path.suffix == '.pth':
        torch.save(content, path)
    else:
        tensors = content if isinstance(content, dict) else {'embeddings': content}
        save_file(tensors, path, metadata)


FILES = [
    ('a.pth', NAN, None, ['NaN or infinity']),
    ('a.safetensors', NAN, None, ['NaN or infinity', "'embeddings'"]),
    ('a.pth', ROWS.int(), None, ['floats (T, D)', 'torch.int32']),
    ('a.pth', [1, 2], None, ['floats (T, D)', 'not list']),
    ('a.pth', {'a': ROWS, 'b': ROWS}, None, ['holds 2 entries']),
    ('a.safetensors', ROWS, dict(class_names='["cat", '), ['metadata', 'class names']),
    ('a.safetensors', ROWS, dict(class_names='{"cat": 1}'), ['metadata', 'class names']),
    (
        'a.safetensors',
        ROWS,
        dict(class_names='["cat", "cow"]'),
        ["first that differs is 1: ['cow']"],
    ),
    ('a.safetensors', ROWS, dict(kind='class_embeddings'), ['holds class_embeddings']),
    ('a.pth', ROWS[:1], None, ['has 1 rows, the prompt needs 2']),
]


@pytest.mark.parametrize(('name', 'content', 'metadata', 'names'), FILES)
def test_files_of_embeddings(call, tmp_path, name, content, metadata, names):
    path = tmp_path / name
    saved(path, content, metadata)
    outcome = call(lambda: fitting_embeddings(path, AVERAGE_EOS, NAMES, (2, 32)))
    outcome.check(2, [f"embeddings='{path}'", *names])


def test_the_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / 'a.safetensors'
    save_embeddings(path, ROWS, AVERAGE_EOS, NAMES)
    path.rename(tmp_path / 'a.pth')
    file = read_embeddings(tmp_path / 'a.pth')
    assert torch.equal(file.embeddings, ROWS) and file.class_names == NAMES
    torch.save(ROWS, path)
    assert torch.equal(read_embeddings(path).embeddings, ROWS)


@pytest.fixture
def encoder(small_model):
    """Return the text encoder of the small model."""
    return TextEncoder(small_model.text_model, small_model.tokenizer, cache_size=0)


@pytest.fixture
def logged(monkeypatch):
    """Return the messages of the cache."""
    messages = []
    monkeypatch.setattr(
        average_eos_cache, 'print_log', lambda text, **kwargs: messages.append(text)
    )
    return messages


def test_a_cache_that_cannot_be_written(encoder, logged, tmp_path, monkeypatch, tool):
    (tmp_path / 'file').write_text('')
    expected = cached_average_eos(encoder, NAMES)
    monkeypatch.setenv('MMTADP_CACHE', str(tmp_path / 'file' / 'cache'))
    assert torch.equal(cached_average_eos(encoder, NAMES), expected)
    assert 'cannot be written' in logged[-1] and '$MMTADP_CACHE' in logged[-1]
    assert f'{tmp_path}/file is a file, not a folder' in logged[-1]


def test_no_home(encoder, logged, tmp_path, monkeypatch):
    monkeypatch.delenv('MMTADP_CACHE')
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setattr('tempfile.tempdir', None)

    def no_home(path):
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr('pathlib.Path.expanduser', no_home)
    assert str(cached_file(encoder, NAMES)).startswith(f'{tmp_path}/mmtadp-')


DAMAGED = [
    (lambda path: path.write_bytes(b''), 'empty (0 bytes)'),
    (lambda path: path.write_bytes(path.read_bytes()[:-8]), 'truncated'),
    (lambda path: save_embeddings(path, NAN, AVERAGE_EOS, NAMES), 'NaN or infinity'),
    (lambda path: save_embeddings(path, ROWS[:1], AVERAGE_EOS, NAMES), 'has 1 rows'),
    (lambda path: save_embeddings(path, ROWS, AVERAGE_EOS, ['a', 'b']), 'first that differs'),
]


@pytest.mark.parametrize(('damage', 'name'), DAMAGED)
def test_a_damaged_cache_file_is_made_again(encoder, logged, damage, name):
    expected = cached_average_eos(encoder, NAMES)
    path = cached_file(encoder, NAMES)
    damage(path)
    assert torch.equal(cached_average_eos(encoder, NAMES), expected)
    assert name in logged[-2] and 'is made again' in logged[-2] and str(path) in logged[-2]
    assert torch.equal(read_embeddings(path).embeddings, expected)


@pytest.mark.parametrize('count', [75, 500])
def test_a_token_that_leaves_no_room(call, small_model, tmp_path, count):
    path = tmp_path / 'night.safetensors'
    save_file({'<night>': torch.ones(count, 32)}, path)
    tokens = read_learned_tokens(path)
    outcome = call(
        lambda: add_learned_tokens(small_model.text_model, small_model.tokenizer, tokens)
    )
    names = [f"learned_embeds='{path}'", "'<night>'", f'{count} vectors', 'room for 75 tokens']
    outcome.check(2, names)


TEXTS = [
    'x = ' + '-' * 100_000 + '1',
    'x = ' + '[' * 100_000 + ']' * 100_000,
    'x = ' + 'dict(a=' * 5_000 + '1' + ')' * 5_000,
    'x = ' + '9' * 10_000,
    'x = {[]: 1}',
    'x = \0',
    'x = "\ud800"',
    'x = 1 if',
    'x = __import__("os").mkdir("executed")',
    'x = dict(**{"a": 1}, b=1)',
    3,
    None,
    b'model = dict()',
    {'model': 1},
]


@pytest.mark.parametrize('text', TEXTS, ids=[repr(text)[:20] for text in TEXTS])
def test_configs_of_published_checkpoints(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    values = literal_config(text)
    assert values in ({}, {'model': {}}, {'x': {None: {'a': 1}, 'b': 1}}, {'x': '\ud800'})
    assert not (tmp_path / 'executed').exists()


class Tracker:
    """A checkpoint without tensors."""

    tensors: dict = {}

    def any_with(self, prefix):
        return False


@pytest.mark.parametrize('text', ['model = 3', 'model = dict(opt_dict=[1])', 'img_norm_cfg = 5',
    'img_norm_cfg = dict(mean="abc", std=[1, 2, 3])',
    'model = dict(opt_dict=dict(use_scaled_encode="yes"))'])  # fmt: skip
def test_settings_of_odd_configs(text):
    from mmtadp.converters.published import LAYOUTS

    settings = find_settings(LAYOUTS[-1], Tracker(), dict(config=text))
    assert settings.normalisation['mean'] == [127.5] * 3
    assert settings.latent_scaling in (True, False)


def test_random_texts_of_configs():
    random.seed(0)
    pieces = ['x', '=', 'dict(', ')', '[', ']', '{', '}', ',', '1', '-', '"', '\n', 'a=', ':', '#']
    for _ in range(2_000):
        text = ''.join(random.choices(pieces, k=random.randint(1, 30)))
        assert isinstance(json.dumps(repr(literal_config(text))), str)
