import hashlib

import numpy as np
import pytest

from projects.shapescenes.generator import (
    DOMAINS,
    OBJECT_CLASSES,
    Scene,
    SceneObject,
    render_scene,
    sample_scene,
    visible_boxes,
)

IMAGE_HASHES = {
    'day': 'e8d5c59d76760dbe',
    'night': '511739824bf0adf6',
    'watercolor': '7e5c213c22a0237c',
    'comic': '6a9c3f0df3106d33',
}
MASK_HASH = '28040ef13200e37c'
DEPTH_HASH = '685be25483f3eba6'


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize('domain', DOMAINS)
def test_pixels_are_the_same_everywhere(domain):
    """Hashes made once; another one elsewhere means that the same seed gives other data there."""
    images = [render_scene(sample_scene(0, 0, index), 96, domain).image for index in range(8)]
    assert digest(np.stack(images)) == IMAGE_HASHES[domain]


def test_labels_are_the_same_everywhere():
    renderings = [render_scene(sample_scene(0, 0, index), 96) for index in range(8)]
    assert digest(np.stack([r.mask for r in renderings])) == MASK_HASH
    assert digest(np.stack([r.depth for r in renderings])) == DEPTH_HASH


@pytest.mark.parametrize('size', (32, 100, 128))
def test_masks_depth_and_boxes_agree(size):
    for index in range(20):
        scene = sample_scene(5, index)
        rendering = render_scene(scene, size)
        assert rendering.image.shape == (size, size, 3) and rendering.image.dtype == np.uint8
        boxes = visible_boxes(rendering.instances)
        # Nothing that a caption mentions is hidden.
        assert sorted(boxes) == list(range(len(scene.objects)))
        for position, (x, y, width, height, area) in boxes.items():
            obj = scene.objects[position]
            visible = rendering.instances == position + 1
            assert visible.sum() == area > 0
            assert visible[y : y + height, x : x + width].sum() == area
            assert visible[y].any() and visible[y + height - 1].any()
            assert visible[:, x].any() and visible[:, x + width - 1].any()
            label = OBJECT_CLASSES.index(obj.name) + 1
            assert (rendering.mask[visible] == label).all()
            assert (rendering.depth[visible] == round(1000 * obj.depth)).all()
        background = rendering.instances == 0
        assert (rendering.mask[background] == 0).all()


def test_background_depth_is_the_ground_s():
    scene = Scene((0,), 'meadow', horizon=0.4, camera_height=1.2, wall_depth=10.0, objects=())
    depth = render_scene(scene, 100).depth
    assert depth.dtype == np.uint16
    assert (depth == depth[:, :1]).all()
    assert (depth[:41] == 10000).all()
    # 0.95 * 1.2 / (row - 0.4), the centre of the lowest row being at 0.995.
    assert depth[-1, 0] == round(1000 * 0.95 * 1.2 / 0.595)
    assert (np.diff(depth[:, 0].astype(int)) <= 0).all()
    wall = Scene((0,), 'yard', horizon=0.4, camera_height=1.2, wall_depth=7.0, objects=())
    assert render_scene(wall, 100).depth.max() == 7000


def test_near_objects_hide_far_ones():
    common = dict(colour='red', accent='blue', texture='plain', size='medium', turns=0, shift=0)
    far = SceneObject('crate', height=1.5, x=0.5, depth=4.0, **common)
    near = SceneObject('tree', height=1.0, x=0.5, depth=2.5, **common)
    scene = Scene(
        (0,), 'road', horizon=0.4, camera_height=1.2, wall_depth=10.0, objects=(far, near)
    )
    alone = Scene((0,), 'road', horizon=0.4, camera_height=1.2, wall_depth=10.0, objects=(near,))
    both, one = render_scene(scene), render_scene(alone)
    tree = OBJECT_CLASSES.index('tree') + 1
    assert np.array_equal(both.mask == tree, one.mask == tree)
    assert both.mask[int(0.6 * 128), 64] == tree


def test_domains_differ_in_the_image_only():
    scene = sample_scene(0, 0, 3)
    by_domain = {domain: render_scene(scene, 128, domain) for domain in DOMAINS}
    day = by_domain['day']
    for domain, rendering in by_domain.items():
        assert np.array_equal(rendering.mask, day.mask)
        assert np.array_equal(rendering.depth, day.depth)
        difference = np.abs(rendering.image.astype(int) - day.image).mean()
        assert difference == 0 if domain == 'day' else difference > 12
    assert by_domain['night'].image.mean() < 0.6 * day.image.mean()
    # Ink outlines: pixels near black where the day has few.
    assert (by_domain['comic'].image.max(-1) < 60).mean() > 0.01


def test_texture_tells_apart_what_a_silhouette_does_not():
    """A plate and a button of one colour share their mask but not their look."""
    common = dict(
        colour='teal', accent='pink', texture='plain', size='big', turns=0.0, shift=0.0,
        height=1.2, x=0.5, depth=2.2,
    )  # fmt: skip
    plate, button = (
        render_scene(Scene((0,), 'beach', 0.4, 1.1, 10.0, (SceneObject(n, **common),)))
        for n in ('plate', 'button')
    )
    assert np.array_equal(plate.instances, button.instances)
    inside = plate.instances == 1
    assert np.abs(plate.image[inside].astype(int) - button.image[inside]).mean() > 20


def test_bad_arguments():
    scene = sample_scene(0)
    with pytest.raises(ValueError, match="'dusk'; expected one of .*'night'"):
        render_scene(scene, domain='dusk')
    with pytest.raises(ValueError, match='size is 16'):
        render_scene(scene, 16)
