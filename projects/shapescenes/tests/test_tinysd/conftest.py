"""Runs of pretraining that take seconds."""

from pathlib import Path

import pytest

from projects.shapescenes.tinysd import denoiser, pretraining_scenes, stage
from projects.shapescenes.tinysd.pretraining import pretrain
from projects.shapescenes.tinysd.pretraining_settings import PretrainingSettings


@pytest.fixture(scope='session')
def make_settings(tmp_path_factory):
    """Makes settings of a tiny run; all runs share the drawn scenes."""
    drawn = tmp_path_factory.mktemp('scenes')

    def make(out: Path, **changes) -> PretrainingSettings:
        out.mkdir(exist_ok=True)
        if not (out / 'scenes').exists():
            (out / 'scenes').symlink_to(drawn)
        values = dict(
            out=str(out),
            scenes=8,
            autoencoder_steps=2,
            autoencoder_batch_size=2,
            steps=4,
            batch_size=2,
            checkpoint_every=2,
        )
        return PretrainingSettings(**{**values, **changes})

    return make


@pytest.fixture(scope='session')
def small_steps():
    """Files of 4 scenes instead of 500, samples of 2 steps instead of 20, each loss logged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining_scenes, '_CHUNK', 4)
        patch.setattr(denoiser, '_DDIM_STEPS', 2)
        patch.setattr(stage, '_LOG_EVERY', 1)
        yield


@pytest.fixture(scope='session')
def whole_run(make_settings, small_steps, tmp_path_factory) -> PretrainingSettings:
    """Settings of a run of 4 steps that is done; its folder may be added to, not changed."""
    settings = make_settings(tmp_path_factory.mktemp('pretraining') / 'whole')
    pretrain(settings)
    return settings
