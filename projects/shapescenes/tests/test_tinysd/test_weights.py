"""The weights that come with the package do what their cards say."""

import json

import pytest

from projects.shapescenes.captioner.name_scores import captioner_scores
from projects.shapescenes.tinysd.preparation import SHIPPED, WEIGHTS
from projects.shapescenes.tinysd.text_evaluation import attention_shares, caption_losses

TINYSD, CAPTIONER = (SHIPPED[name] for name in ('tinysd', 'captioner'))


def weights_of(folder) -> int:
    """Bytes of the files of weights."""
    return sum(path.stat().st_size for path in folder.rglob('*.safetensors'))


def test_sizes():
    assert 9e6 < weights_of(TINYSD) < 12e6
    assert 3e6 < weights_of(CAPTIONER) < 6e6
    assert sum(path.stat().st_size for path in WEIGHTS.rglob('*') if path.is_file()) < 18e6


def test_cards_say_what_was_measured():
    figures = json.loads((TINYSD / 'evaluation.json').read_text())
    card = (TINYSD / 'README.md').read_text()
    assert figures['scenes'] >= 200 and figures['seeds'] >= 3
    for kind in ('right', 'none', 'wrong'):
        assert f'{figures["loss"][kind]:.5f}' in card
    assert f'{figures["attention_mass"]:.1%}' in card
    # By more than the spread over seeds.
    for name in ('none_minus_right', 'wrong_minus_none'):
        assert figures[name]['mean'] > 3 * figures[name]['spread'] > 0
    scores = json.loads((CAPTIONER / 'scores.json').read_text())['scores']
    card = (CAPTIONER / 'README.md').read_text()
    for domain in ('day', 'night', 'watercolor', 'comic'):
        assert f'{scores[domain]["long"]["recall"]["value"]:.3f}' in card


def test_tinysd_has_learned_the_text():
    losses = caption_losses(str(TINYSD), count=50, seeds=1).means
    expected = dict(right=0.13878, none=0.14173, wrong=0.14945)
    assert losses == pytest.approx(expected, rel=1e-3)
    assert losses['right'] < losses['none'] < losses['wrong']


def test_words_attend_to_what_they_name():
    shares = attention_shares(str(TINYSD), count=50)
    assert shares.mass.mean().item() == pytest.approx(0.0855, rel=0.02)
    assert shares.area.mean().item() == pytest.approx(0.0500, rel=2e-3)
    assert shares.ratio > 1.6


def test_captioner_names_what_is_there():
    scores = captioner_scores(CAPTIONER, count=50, domains=['day'])['day']
    assert scores['long'].recall.value == pytest.approx(0.700, abs=0.02)
    assert scores['long'].precision.value == pytest.approx(0.693, abs=0.02)
