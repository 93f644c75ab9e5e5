import os
import signal

import numpy as np
import pytest
from PIL import Image

from mmtadp.captioning.image_loading import load_ahead, wrap_worker_errors
from mmtadp.utils.errors import RunError


@pytest.fixture
def photo(tmp_path):
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png', pixels


def broken_files(folder) -> dict[str, str]:
    """Names of files that are no usable images, and what should be said of them."""
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / 'whole.jpg')
    content = (folder / 'whole.jpg').read_bytes()
    (folder / 'cut.jpg').write_bytes(content[: len(content) // 2])
    (folder / 'text.png').write_text('not an image')
    (folder / 'folder.png').mkdir()
    reasons = {'cut.jpg': 'truncated', 'text.png': 'not an image', 'folder.png': 'a folder'}
    if hasattr(os, 'mkfifo'):
        os.mkfifo(folder / 'pipe.png')
        reasons['pipe.png'] = 'a named pipe'
    return {**reasons, 'gone.png': 'does not exist'}


@pytest.mark.parametrize('workers', [0, 2])
def test_loaded_in_order_broken_ones_included(tmp_path, photo, workers):
    reasons = broken_files(tmp_path)
    paths = {name: str(tmp_path / name) for name in (*reasons, 'photo.png', 'whole.jpg')}
    keys = list(paths)
    batches = [keys[:3], keys[3:6], keys[6:]]
    loaded = list(load_ahead(batches, paths, np.asarray, workers=workers))
    assert [[image.key for image in batch] for batch in loaded] == batches
    images = [image for batch in loaded for image in batch]
    for image in images[:-2]:
        assert reasons[image.key] in image.problem
    assert [image.key for image in images if image.problem is None] == ['photo.png', 'whole.jpg']
    assert np.array_equal(images[-2].pixels, photo[1])


def die(image):
    os.kill(os.getpid(), signal.SIGKILL)


def test_death_of_a_worker(photo):
    loading = load_ahead([['a']], dict(a=str(photo[0])), die, workers=1)
    died = pytest.raises(RunError, match='decodes images died.*--workers')
    with died, wrap_worker_errors():
        list(loading)
