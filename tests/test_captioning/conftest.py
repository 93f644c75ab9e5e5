from pathlib import Path

import pytest

from mmtadp.captioning import Decoding, Task
from tests.utils.tiny_captioner import save_blip2, write_photos


@pytest.fixture(scope='session')
def blip2(tmp_path_factory) -> Path:
    """Save a tiny BLIP-2 and return its folder."""
    return save_blip2(tmp_path_factory.mktemp('models') / 'blip2')


@pytest.fixture(scope='session')
def photos(tmp_path_factory) -> Path:
    """Eleven images in the folders day and night."""
    return write_photos(tmp_path_factory.mktemp('photos'))


@pytest.fixture
def task(photos, blip2, tmp_path) -> Task:
    """Captions of at most eight words, in batches of 4, 4 and 3 images."""
    return Task(
        source=str(photos),
        out=str(tmp_path / 'captions.json'),
        model=str(blip2),
        decoding=Decoding(max_new_tokens=8),
        batch_size=4,
        workers=0,
    )
