"""Data of the runs in addition to scenes and captions: each is made once."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from projects.claims.runs import run_data
from projects.claims.runs.run_data import learn_token, prepare_runs, tune_unet
from projects.claims.runs.run_plan import Run
from projects.shapescenes.generator import write_dataset


@pytest.fixture
def root(own_data, forget_accelerate, monkeypatch) -> Path:
    """The data with a target of a few scenes."""
    root = Path(own_data.data)
    write_dataset(root, ['night'], num_training=3, num_validation=1, size=64)
    monkeypatch.setattr(run_data, '_IMAGES', 'images/training/*.png')
    return root


def test_token(root):
    learn_token(root, 'night', steps=2)
    file = root / 'tokens' / 'night' / 'learned_embeds.safetensors'
    assert list(load_file(file)) == ['<night>']
    before = file.stat().st_mtime_ns
    learn_token(root, 'night', steps=2)
    assert file.stat().st_mtime_ns == before


def test_unet(root):
    tune_unet(root, 'night', steps=2)
    folder = root / 'dreambooth' / 'night' / 'unet'
    (tuned,), (pretrained,) = (
        list(path.glob('*.safetensors')) for path in (folder, root / 'tinysd' / 'unet')
    )
    assert load_file(tuned).keys() == load_file(pretrained).keys()
    before = tuned.stat().st_mtime_ns
    tune_unet(root, 'night', steps=2)
    assert tuned.stat().st_mtime_ns == before


def test_only_what_runs_need_is_made(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(
        run_data,
        'prepare',
        lambda root, domains, workers, captions: calls.append((*domains, *captions)),
    )
    for name in ('learn_token', 'tune_unet'):
        monkeypatch.setattr(
            run_data, name, lambda root, target, name=name: calls.append((name, target))
        )
    monkeypatch.setattr(
        run_data, 'write_blurred', lambda folder, sigma: calls.append((folder.name, sigma))
    )
    monkeypatch.setattr(run_data, 'caption_images', lambda *_: None)
    prepare_runs([Run('null_shapescenes', 0), Run('tadp_shapescenes_depth', 0)], tmp_path)
    assert calls == [('day', 'long')]
    calls.clear()
    prepare_runs([Run(f'tadp_{name}_shapescenes', 0) for name in ('nouns', 'short')], tmp_path)
    assert calls == [('day', 'long', 'nouns', 'short')]
    calls.clear()
    runs = [
        Run('tadp_textual_inversion_shapescenes_day2night', 0),
        Run('tadp_dreambooth_shapescenes_day2watercolor', 0),
        Run('null_shapescenes', 0, blur=2),
    ]
    prepare_runs(runs, tmp_path)
    assert calls == [
        ('day', 'long'),
        ('night', 'clean'),
        ('watercolor', 'clean'),
        ('day', 2),
        ('learn_token', 'night'),
        ('tune_unet', 'watercolor'),
    ]
