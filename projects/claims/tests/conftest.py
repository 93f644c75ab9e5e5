"""A small project: TinySD and a few scenes of 64 pixels."""

import json
import shutil
from pathlib import Path

import pytest

from projects.claims.runs.claims_settings import ClaimsSettings
from projects.shapescenes.generator import write_dataset
from tests.utils.paths import REPOSITORY

SIZE, TRAINING, VALIDATION = 64, 6, 4
OPTIONS = {
    'train_cfg.max_iters': 2,
    'train_dataloader.batch_size': 2,
    'train_dataloader.dataset.indices': 4,
    'model.data_preprocessor.size': [SIZE, SIZE],
    'default_hooks.logger.interval': 1,
}


@pytest.fixture(scope='session')
def claims_data(tmp_path_factory, tinysd) -> Path:
    """The folder of the data; read it, do not change it."""
    root = tmp_path_factory.mktemp('claims') / 'shapescenes'
    write_dataset(root, ['day'], num_training=TRAINING, num_validation=VALIDATION, size=SIZE)
    (root / 'tinysd').symlink_to(tinysd)
    write_captions(root / 'day', 'long', 0)
    write_captions(root / 'day', 'short', 1)
    return root


def write_captions(folder: Path, length: str, number: int) -> None:
    """Captions in the layout of the captioner's."""
    entries = json.loads((folder / 'captions.json').read_text())
    captions = {
        f'{stem.split("_")[0]}/{stem}.png': {'captions': [entry['captions'][number]]}
        for stem, entry in entries.items()
    }
    (folder / f'captions_{length}.json').write_text(json.dumps(captions))


@pytest.fixture
def settings(claims_data, tmp_path) -> ClaimsSettings:
    """Two steps; results and models go to a folder of the test."""
    return ClaimsSettings(
        configs=str(REPOSITORY / 'projects' / 'shapescenes' / 'configs'),
        data=str(claims_data),
        work_dir=str(tmp_path / 'work_dirs'),
        results=str(tmp_path / 'results.jsonl'),
        threads=1,
        cfg_options=dict(OPTIONS),
    )


@pytest.fixture
def own_data(claims_data, settings, tmp_path) -> ClaimsSettings:
    """As ``settings``, with data that the test may change."""
    import dataclasses

    root = tmp_path / 'own'
    shutil.copytree(claims_data, root, symlinks=True)
    return dataclasses.replace(settings, data=str(root))
