import re
from collections import Counter

import numpy as np
import pytest

from projects.shapescenes.generator import OBJECT_CLASSES, sample_scene
from projects.shapescenes.generator.scene import RandomStream
from projects.shapescenes.tinysd.clip_tokenizer import shapescenes_words
from projects.shapescenes.tinysd.pretraining_scenes import (
    HELD_OUT,
    PHRASES,
    PRETRAINING_SHARES,
    SceneImages,
    draw_image,
    pretraining_scene,
    scene_domain,
    word_scene,
)


def test_no_dataset_shows_them():
    ours = {pretraining_scene(i + offset).objects for offset in (0, HELD_OUT) for i in range(50)}
    theirs = {
        sample_scene(seed, split, index).objects
        for seed in (0, 1, 1730)
        for split in (0, 1)
        for index in range(20)
    }
    assert len(ours) == 100 and len(theirs) == 120
    assert not ours & theirs
    # Datasets draw their scenes from three numbers, pretraining from two.
    assert len(pretraining_scene(0).seed) == 2


def test_domains_have_their_shares():
    counts = Counter(scene_domain(index) for index in range(4000))
    for domain, share in PRETRAINING_SHARES.items():
        assert counts[domain] / 4000 == pytest.approx(share, abs=0.025)


def test_captions_are_of_many_kinds():
    scene = pretraining_scene(7)
    captions = [word_scene(scene, 'night', RandomStream(n)) for n in range(400)]
    assert captions[3] == word_scene(scene, 'night', RandomStream(3))
    named = sum('night' in caption for caption in captions) / 400
    assert named == pytest.approx(0.75, abs=0.07)
    lengths = [len(caption.split()) for caption in captions]
    assert min(lengths) == 1 and max(lengths) > 20
    # Whatever is named is there.
    present = {obj.name for obj in scene.objects}
    for caption in captions:
        words = set(re.findall('[a-z]+', caption))
        assert words & set(OBJECT_CLASSES) <= present
        assert words <= set(shapescenes_words())


def test_phrases_are_in_the_vocabulary():
    words = {word for phrases in PHRASES.values() for p in phrases for word in p.split()}
    assert words - {'{}'} <= set(shapescenes_words())


def test_pictures_are_kept(small_steps, tmp_path, monkeypatch):
    pictures = SceneImages(tmp_path, 6, 32)
    assert len(pictures) == 6 and pictures[5].shape == (32, 32, 3)
    assert np.array_equal(pictures[5], draw_image(5, 32))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ['images_32_000000.npy', 'images_32_000004.npy']
    (tmp_path / files[0]).unlink()
    drawn = []
    monkeypatch.setattr(
        'projects.shapescenes.tinysd.pretraining_scenes.draw_image',
        lambda index, size: drawn.append(index) or draw_image(index, size),
    )
    SceneImages(tmp_path, 6, 32)
    assert drawn == [0, 1, 2, 3]
