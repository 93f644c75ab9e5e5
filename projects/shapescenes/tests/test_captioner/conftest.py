"""A training of the captioner that takes seconds."""

import pytest

from projects.shapescenes.captioner.captioner_settings import CaptionerSettings
from projects.shapescenes.tinysd import pretraining_scenes, stage


@pytest.fixture(scope='session')
def captioned_scenes(tmp_path_factory):
    """Where drawn scenes are kept, so that each is drawn once."""
    return tmp_path_factory.mktemp('captioned')


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Files of 4 scenes instead of 500, and each loss logged."""
    monkeypatch.setattr(pretraining_scenes, '_CHUNK', 4)
    monkeypatch.setattr(stage, '_LOG_EVERY', 1)


@pytest.fixture
def settings(tmp_path, captioned_scenes):
    """Makes settings of a tiny run."""

    def make(folder='run', **changes) -> CaptionerSettings:
        out = tmp_path / folder
        out.mkdir(exist_ok=True)
        if not (out / 'scenes').exists():
            (out / 'scenes').symlink_to(captioned_scenes)
        values = dict(
            out=str(out),
            scenes=8,
            domain_shares=dict(day=3, night=1),
            steps=4,
            batch_size=2,
            checkpoint_every=2,
        )
        return CaptionerSettings(**{**values, **changes})

    return make
