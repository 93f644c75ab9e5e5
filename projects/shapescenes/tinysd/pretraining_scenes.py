"""TinySD's training data: scenes of its own, each in one domain, with varied captions."""

import functools
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmtadp.utils.atomic_files import DamagedFileError, remove_leftovers, write_file
from projects.shapescenes.generator import render_scene, sample_scene, scene_captions
from projects.shapescenes.generator.captions import article
from projects.shapescenes.generator.scene import RandomStream, Scene

# A seed of two numbers: scenes of datasets have three, so no dataset holds these scenes.
_SCENE_SEED = 1730
HELD_OUT = 10_000_000
"""Index of the first scene that training never uses."""

_CHUNK = 500

PRETRAINING_SHARES = {'day': 0.55, 'night': 0.15, 'watercolor': 0.15, 'comic': 0.15}
"""Share of the scenes in each domain."""

PHRASES: dict[str, tuple[str, ...]] = {
    'day': ('a photo of {}', 'a day photo of {}', 'a bright photo of {}', '{}'),
    'night': ('a dark night photo of {}', 'a night photo of {}', 'a photo of {} at night'),
    'watercolor': (
        'a watercolour painting of {}',
        'a watercolor painting of {}',
        'a watercolor style painting of {}',
    ),
    'comic': ('a comic style painting of {}', 'a comic drawing of {}', 'a cartoon of {}'),
}
"""Templates by which captions name the domain.

The shipped weights were trained on these words, both spellings of watercolour among them.
"""


@functools.cache
def pretraining_scene(index: int) -> Scene:
    """Return the scene of an index; no ShapeScenes dataset holds it."""
    return sample_scene(_SCENE_SEED, index)


def scene_domain(index: int) -> str:
    """Return the domain of a scene, distributed as :data:`PRETRAINING_SHARES`."""
    # A stream that neither scenes nor captions nor images use.
    value = RandomStream(_SCENE_SEED, index, 5).uniform()
    for domain, share in PRETRAINING_SHARES.items():
        value -= share
        if value < 0:
            return domain
    return domain


def word_scene(scene: Scene, domain: str, stream: RandomStream) -> str:
    """Return a caption of a scene, of a random kind.

    Half of the captions are long, a quarter short, and a quarter names some of the objects in
    random order. Three quarters of each kind name the domain.

    Args:
        scene (Scene): The scene.
        domain (str): Domain of the image.
        stream (RandomStream): Source of randomness.
    """
    long, short = scene_captions(scene)
    kind = stream.uniform()
    if kind < 0.5:
        caption = long
    elif kind < 0.75:
        caption = short
    else:
        names = list(dict.fromkeys(obj.name for obj in scene.objects))
        order = sorted(names, key=lambda name: stream.uniform())
        caption = ' '.join(order[: stream.integer(1, len(order))])
        if stream.uniform() < 0.3:
            caption = article(caption)
    return stream.pick(PHRASES[domain]).format(caption) if stream.uniform() < 0.75 else caption


class SceneImages:
    """Images of many scenes, rendered once and kept on disk.

    Args:
        folder (Path): Folder of the files, each of 500 scenes. Missing files are rendered, so an
            interruption loses at most one file. The caller keeps other processes out of it.
        count (int): Number of images.
        size (int): Height and width in pixels.
        workers (int): Processes that render; 0 renders in the calling process.
        draw (Callable): Renders an image, given index and size, as (size, size, 3) uint8 RGB.
            Defaults to :func:`draw_image`.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        size: int,
        workers: int = 0,
        draw: Callable[[int, int], np.ndarray] | None = None,
    ) -> None:
        self.folder, self.count, self.size = folder, count, size
        self._draw_image = draw or draw_image
        remove_leftovers(folder)
        starts = range(0, count, _CHUNK)
        todo = [start for start in starts if not self._path(start).exists()]
        bar = tqdm(total=len(todo) * _CHUNK, desc='rendering scenes', unit='scene')
        if workers and todo:
            # Not forked: OpenMP and OpenCV threads do not survive a fork.
            with multiprocessing.get_context('spawn').Pool(workers) as pool:
                for _ in pool.imap_unordered(self._draw, todo):
                    bar.update(_CHUNK)
        else:
            for start in todo:
                self._draw(start)
                bar.update(_CHUNK)
        bar.close()
        self._chunks = [read_array(self._path(start), mmap_mode='r') for start in starts]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        """Return an image (size, size, 3), uint8 RGB."""
        return self._chunks[index // _CHUNK][index % _CHUNK]

    def _path(self, start: int) -> Path:
        return self.folder / f'images_{self.size}_{start:06d}.npy'

    def _draw(self, start: int) -> None:
        images = np.stack(
            [self._draw_image(index, self.size) for index in range(start, start + _CHUNK)]
        )
        write_file(self._path(start), lambda path: np.save(path, images))


def read_array(path: Path, mmap_mode: str | None = None) -> np.ndarray:
    """Read a file of ``numpy.save``.

    Raises:
        DamagedFileError: If it holds something else.
    """
    try:
        return np.load(path, mmap_mode=mmap_mode)
    except (EOFError, ValueError) as error:
        raise DamagedFileError(
            f'{path} is damaged ({error}). Delete it: the same command makes it again.'
        ) from error


def draw_image(index: int, size: int) -> np.ndarray:
    """Return the image of a pretraining scene in its domain, (size, size, 3) uint8 RGB."""
    return render_scene(pretraining_scene(index), size, scene_domain(index)).image
