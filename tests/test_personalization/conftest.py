"""Tiny runs of textual inversion and DreamBooth."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mmtadp.personalization import DreamBoothSettings, TextualInversionSettings
from tests.utils.tiny_captioner import write_photos


@pytest.fixture(scope='session')
def photos(tmp_path_factory) -> Path:
    """Three images."""
    return write_photos(tmp_path_factory.mktemp('photos'), 3)


@pytest.fixture(scope='session')
def photo(tmp_path_factory) -> Path:
    """Return a folder of one grey image with a dark stripe."""
    folder = tmp_path_factory.mktemp('photo')
    image = Image.new('RGB', (64, 64), (200, 180, 60))
    image.paste((10, 10, 40), (20, 0, 40, 64))
    image.save(folder / 'stripe.png')
    return folder


@pytest.fixture(autouse=True)
def _personalises(forget_accelerate) -> None:
    """All tests of this folder do."""


@pytest.fixture
def common(tiny_pipeline: Path, photos: Path, tmp_path: Path) -> dict:
    """Return settings of a run of seconds."""
    return dict(
        images=str(photos),
        pretrained=str(tiny_pipeline),
        out=str(tmp_path / 'out'),
        resolution=32,
        steps=3,
        cpu=True,
        checkpoint_every=2,
        validation_images=2,
        sampling_steps=2,
    )


@pytest.fixture
def inversion(common: dict) -> Callable[..., TextualInversionSettings]:
    """Return settings of textual inversion, with some changed."""
    fixed = dict(token='<night>', initializer='night', accumulate=2)
    return lambda **changed: TextualInversionSettings(**{**common, **fixed, **changed})


@pytest.fixture
def booth(common: dict) -> Callable[..., DreamBoothSettings]:
    """Return settings of DreamBooth, with some changed."""
    return lambda **changed: DreamBoothSettings(**{**common, **changed})
