import re
from collections import Counter

from projects.shapescenes.generator import (
    OBJECT_CLASSES,
    SETTINGS,
    render_scene,
    sample_scene,
    scene_captions,
)
from projects.shapescenes.generator.captions import article


def mentions(caption: str) -> Counter:
    return Counter(word for word in re.findall(r'[a-z]+', caption) if word in OBJECT_CLASSES)


def test_exact_captions():
    """The wording, once and for all: a change of it is a new version of the generator."""
    assert scene_captions(sample_scene(0, 0, 0)) == [
        'a small blue striped rocket next to a red checked door and a small yellow dotted gear '
        'on the grass, with a brown striped plate behind, in front of green hills',
        'a door, a rocket and a plate on the grass',
    ]


def test_long_captions_name_exactly_the_objects_that_are_visible():
    for index in range(150):
        scene = sample_scene(1, 0, index)
        long_caption, _ = scene_captions(scene)
        assert mentions(long_caption) == Counter(obj.name for obj in scene.objects)
        labels = set(render_scene(scene, 64).mask.ravel().tolist()) - {0}
        assert {OBJECT_CLASSES[label - 1] for label in labels} == set(mentions(long_caption))
        for obj in scene.objects:
            assert f'{obj.colour} ' in long_caption
            assert obj.texture == 'plain' or f'{obj.texture} {obj.name}' in long_caption
        setting = SETTINGS[scene.setting]
        assert setting.ground_phrase in long_caption
        assert setting.backdrop_phrase in long_caption


def test_short_captions_name_the_three_objects_that_look_largest():
    for index in range(100):
        scene = sample_scene(1, 1, index)
        long_caption, short_caption = scene_captions(scene)
        largest = sorted(scene.objects, key=lambda o: -o.image_height)[:3]
        assert mentions(short_caption) == Counter(obj.name for obj in largest)
        assert len(short_caption) < len(long_caption)


def test_captions_are_deterministic_and_domain_free():
    for index in range(50):
        captions = scene_captions(sample_scene(2, index))
        assert captions == scene_captions(sample_scene(2, index))
        for caption in captions:
            assert caption == caption.lower()
            # A flipped image keeps its caption, a night picture too.
            assert not re.search(r'\b(left|right|day|night|painting|photo)\b', caption)
            assert not re.search(r'  | ,|\ba [aeiou]|\ban [^aeiou]', caption)


def test_article():
    assert article('orange tree') == 'an orange tree'
    assert article('tree') == 'a tree'
