from collections import Counter

import numpy as np
import pytest

from projects.shapescenes.generator import (
    GROUPS,
    MAX_DEPTH,
    OBJECT_CLASSES,
    SETTINGS,
    sample_scene,
)
from projects.shapescenes.generator.scene import RandomStream
from projects.shapescenes.generator.shapes import class_layers, class_width


def test_classes():
    assert len(OBJECT_CLASSES) == len(set(OBJECT_CLASSES)) == 24
    assert all(len(names) >= 3 for names in GROUPS.values())
    assert set(class_layers()) == set(OBJECT_CLASSES)
    assert all(name == name.lower() and name.isalpha() for name in OBJECT_CLASSES)


@pytest.mark.parametrize('name', OBJECT_CLASSES)
def test_shapes_fill_their_unit_frame(name):
    points = np.concatenate([o for layer in class_layers()[name] for o in layer.outlines])
    assert abs(points[:, 0]).max() <= 0.55
    assert points[:, 1].min() >= -0.05 and 0.85 <= points[:, 1].max() <= 1.05
    assert 0.35 <= class_width(name) <= 1.0


def test_draws_are_the_frozen_stream():
    """Values of MT19937 seeded with an array, which numpy never changes."""
    stream = RandomStream(0, 0, 7)
    assert [stream.integer(0, 999) for _ in range(4)] == [218, 11, 145, 928]
    assert [round(v, 6) for v in (stream.uniform(), stream.uniform(2, 3))] == [0.017852, 2.38549]
    assert stream.noise(2, 2).tolist() == [[232, 214], [111, 42]]


def test_scenes_depend_on_every_number_of_the_seed():
    assert sample_scene(0, 0, 5) == sample_scene(0, 0, 5)
    scenes = [sample_scene(*seed) for seed in ((0, 0, 5), (0, 1, 5), (1, 0, 5), (0, 0, 6))]
    assert len({str(scene) for scene in scenes}) == 4


def test_scenes_are_varied_and_their_objects_in_order():
    scenes = [sample_scene(3, 0, index) for index in range(400)]
    objects = [obj for scene in scenes for obj in scene.objects]
    assert {len(scene.objects) for scene in scenes} <= set(range(1, 7))
    assert np.mean([len(scene.objects) for scene in scenes]) > 3.8
    for scene in scenes:
        depths = [obj.depth for obj in scene.objects]
        assert depths == sorted(depths, reverse=True)
        assert depths[0] < scene.wall_depth <= MAX_DEPTH
        # Nearer objects stand lower in the picture.
        feet = [scene.box(obj)[3] for obj in scene.objects]
        assert feet == sorted(feet)
    # Classes and settings are drawn evenly: 1640 objects of 24 classes, about 68 each.
    counts = Counter(obj.name for obj in objects)
    assert set(counts) == set(OBJECT_CLASSES) and min(counts.values()) > 35
    settings = Counter(scene.setting for scene in scenes)
    assert set(settings) == set(SETTINGS) and min(settings.values()) > 25


def test_object_counts():
    scenes = [sample_scene(0, i, min_objects=1, max_objects=1) for i in range(20)]
    assert all(len(scene.objects) == 1 for scene in scenes)
    with pytest.raises(ValueError, match='min_objects=4, max_objects=3'):
        sample_scene(0, min_objects=4, max_objects=3)
