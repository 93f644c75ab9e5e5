"""The captioner, run by the tool that captions photographs."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from projects.shapescenes.captioner.captioner_settings import CaptionerSettings
from projects.shapescenes.captioner.captioner_training import train_captioner
from projects.shapescenes.captioner.domain_images import DomainImages
from projects.shapescenes.captioner.wording import LONG_MIN_NEW_TOKENS
from projects.shapescenes.generator import scene_captions
from projects.shapescenes.tinysd import pretraining_scenes
from tests.utils.paths import REPOSITORY

_COUNT = 3


@pytest.fixture(scope='module')
def learned_by_heart(tmp_path_factory) -> CaptionerSettings:
    """A run that has seen three scenes, and nothing else."""
    settings = CaptionerSettings(
        out=str(tmp_path_factory.mktemp('captioner')),
        scenes=_COUNT,
        domain_shares=dict(day=1),
        steps=80,
        batch_size=3,
        learning_rate=2e-3,
        long_share=0.3,
        checkpoint_every=1000,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining_scenes, '_CHUNK', _COUNT)
        train_captioner(settings)
    return settings


@pytest.fixture
def pictures(learned_by_heart) -> DomainImages:
    return DomainImages(Path(learned_by_heart.out) / 'scenes', 'day', _COUNT, 128)


@pytest.mark.parametrize(
    'length, arguments', [(0, ('--min-new-tokens', LONG_MIN_NEW_TOKENS)), (1, ())]
)
def test_min_new_tokens_decides_the_length(
    learned_by_heart, pictures, tmp_path, monkeypatch, length, arguments
):
    for index in range(_COUNT):
        path = tmp_path / 'images' / f'{index}.png'
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pictures[index]).save(path)
    tool, out = REPOSITORY / 'tools' / 'captions' / 'generate.py', tmp_path / 'captions.json'
    command = [tool, path.parent, '--out', out, '--model', f'{learned_by_heart.out}/captioner']
    command += ['--workers', 0, '--device', 'cpu', '--key', 'stem', *arguments]
    monkeypatch.setattr(sys, 'argv', list(map(str, command)))
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(tool), run_name='__main__')
    assert end.value.code == 0
    captions = {key: entry['captions'] for key, entry in json.loads(out.read_text()).items()}
    assert captions == {
        str(index): [scene_captions(pictures.scene(index))[length]] for index in range(_COUNT)
    }
