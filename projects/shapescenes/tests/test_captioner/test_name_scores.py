from types import SimpleNamespace

import numpy as np
import pytest

from projects.shapescenes.captioner.domain_images import held_out_scene
from projects.shapescenes.captioner.name_scores import score_captions, true_scores
from projects.shapescenes.generator import scene_captions


def scene_of(*names):
    """A stand-in that shows these classes."""
    return SimpleNamespace(objects=[SimpleNamespace(name=name) for name in names])


def test_names_are_counted_once_per_scene():
    scenes = [scene_of('ball', 'ball', 'tree'), scene_of('door', 'sun', 'star', 'gift')]
    captions = ['a ball, another ball and a crate', 'a door and a sun under a sunset sky']
    scores = score_captions(captions, scenes)
    assert scores.precision.value == pytest.approx(3 / 4)
    assert scores.recall.value == pytest.approx(3 / 6)
    assert scores.words == 8
    # Captions 1, 1 or 2, 2 in a quarter of the draws each: 1 of 2 or 2 of 2 names are right.
    assert scores.precision.error == pytest.approx(np.std([2 / 4, 3 / 4, 3 / 4, 1]), abs=0.02)
    assert str(scores.precision).startswith('0.750 ± 0.')


def test_captions_without_names():
    scores = score_captions(['', 'on the grass'], [scene_of('ball'), scene_of('tree')])
    assert scores.precision.value == scores.recall.value == scores.recall.error == 0


def test_error_shrinks_with_scenes():
    scenes = [held_out_scene(index) for index in range(400)]
    short = [scene_captions(scene)[1] for scene in scenes]
    few, many = (score_captions(short[:n], scenes[:n]).recall.error for n in (100, 400))
    assert many == pytest.approx(few / 2, rel=0.25)


def test_true_captions():
    scores = true_scores(100)
    assert scores['long'].precision.value == scores['long'].recall.value == 1
    assert scores['short'].precision.value == 1 and scores['short'].recall.value < 0.9
    with pytest.raises(ValueError):
        score_captions(['a ball'], [])
