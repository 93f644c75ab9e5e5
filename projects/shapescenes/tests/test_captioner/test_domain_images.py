import numpy as np

from projects.shapescenes.captioner.domain_images import DomainImages, held_out_scene
from projects.shapescenes.generator import DOMAINS, render_scene, sample_scene


def test_nothing_is_seen_twice(tmp_path):
    """Training scenes of all domains, held-out ones, and those of datasets are disjoint."""
    training = [
        DomainImages(tmp_path, domain, 0, 32).scene(index)
        for domain in DOMAINS
        for index in range(30)
    ]
    held_out = [held_out_scene(index) for index in range(30)]
    datasets = [
        sample_scene(seed, split, index)
        for seed in (0, 1, 2, 1730)
        for split in (0, 1)
        for index in range(15)
    ]
    # Scenes differ wherever their seeds do, and datasets draw theirs from three numbers.
    assert {len(scene.seed) for scene in training + held_out} == {2}
    assert {len(scene.seed) for scene in datasets} == {3}
    everything = training + held_out + datasets
    assert len(everything) == 270 == len({scene.seed for scene in everything})
    assert len({scene.objects for scene in everything}) == 270
    # No domain has room for the held-out numbers.
    numbers = [scene.seed[1] for scene in training]
    assert max(numbers) + 1_000_000 < held_out[0].seed[1]


def test_pictures_show_their_scenes(tmp_path):
    pictures = DomainImages(tmp_path, 'night', 6, 32)
    assert len(pictures) == 6
    assert np.array_equal(pictures[5], render_scene(pictures.scene(5), 32, 'night').image)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.npy'))
    assert files == ['night/images_32_000000.npy', 'night/images_32_000004.npy']
