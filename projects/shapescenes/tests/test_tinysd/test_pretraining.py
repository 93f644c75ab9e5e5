import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmtadp.models import TADPUNetBackbone
from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import Interrupted, RunFolder
from projects.shapescenes.tinysd import stage
from projects.shapescenes.tinysd.pretraining import pretrain
from tests.utils.paths import REPOSITORY

pytestmark = pytest.mark.usefixtures('small_steps')


def logged(out, name: str) -> list[dict]:
    text = (Path(out) / name / 'log.jsonl').read_text()
    return [json.loads(line) for line in text.splitlines()]


def losses(out, name='denoiser') -> list[float]:
    lines = logged(out, name)
    assert [line['step'] for line in lines] == list(range(1, len(lines) + 1))
    return [line['loss' if name == 'denoiser' else 'l1'] for line in lines]


def test_result_is_a_pretrained_model(whole_run):
    folder = Path(whole_run.out) / 'tinysd'
    backbone = TADPUNetBackbone(str(folder), prompt=dict(type='CaptionPrompt')).eval()
    assert backbone.out_channels == (48, 96 + 77, 96 + 77, 96)
    # In single precision, though the files are in half.
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}
    with torch.no_grad():
        maps = backbone(torch.zeros(2, 3, 128, 128), ['a red star', ''])
    assert [tuple(m.shape[2:]) for m in maps] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert not torch.equal(maps[0][0], maps[0][1])
    assert sum(path.stat().st_size for path in folder.rglob('*.safetensors')) < 12e6
    assert json.loads((folder / 'training.json').read_text())['steps'] == 4
    sheet = Image.open(folder.parent / 'denoiser' / 'samples' / '000004.png')
    assert sheet.size[0] >= 4 * 128


def test_latents_have_unit_standard_deviation(whole_run):
    (file,) = (Path(whole_run.out) / 'latents').iterdir()
    latents = np.load(file)
    assert latents.shape == (8, 2, 4, 16, 16) and latents.dtype == np.float16
    assert latents.astype(np.float32).std() == pytest.approx(1, abs=0.25)


def test_the_log_has_the_learning_rate(whole_run):
    rates = [line['learning_rate'] for line in logged(whole_run.out, 'denoiser')]
    # Four steps of a warm-up of a hundred; the decay begins where they end.
    assert rates == pytest.approx([1e-5, 2e-5, 3e-5, 4e-5], rel=1e-2)


def test_interrupted_then_continued(whole_run, make_settings, tmp_path, monkeypatch):
    append = RunFolder.append
    cut = make_settings(tmp_path / 'cut')
    for name, step in (('autoencoder', 1), ('denoiser', 3)):

        def interrupt(folder, name=name, last=step, **values):
            append(folder, **values)
            if folder.path.name == name and values['step'] == last:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(RunFolder, 'append', interrupt)
        with pytest.raises(Interrupted) as interrupted:
            pretrain(cut)
        assert interrupted.value.step == step
    monkeypatch.setattr(RunFolder, 'append', append)
    pretrain(cut)
    for name in ('autoencoder', 'denoiser'):
        assert losses(cut.out, name) == pytest.approx(losses(whole_run.out, name), rel=1e-6)


def test_killed_then_continued(whole_run, make_settings, tmp_path, path_of_tests):
    """kill -9 after a checkpoint; the curve is that of a run that nothing happened to."""
    killed = make_settings(tmp_path / 'killed')
    tool = REPOSITORY / 'projects/shapescenes/tools' / 'pretrain.py'
    code = (
        'import runpy, sys\n'
        'from projects.shapescenes.tinysd import pretraining_scenes, stage\n'
        'pretraining_scenes._CHUNK, stage._LOG_EVERY = 4, 1\n'
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, '-c', code, tool, '--out', killed.out, '--device', 'cpu']
    for name in (
        'scenes',
        'autoencoder_steps',
        'autoencoder_batch_size',
        'steps',
        'batch_size',
        'checkpoint_every',
    ):
        command += ['--' + name.replace('_', '-'), getattr(killed, name)]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.DEVNULL,
        # Elsewhere, or the clone's mmtadp would hide an installed one.
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=path_of_tests),
    )
    checkpoint, deadline = Path(killed.out) / 'denoiser' / 'checkpoint.pt', time.monotonic() + 120
    # Samples are written after each checkpoint, which takes a while.
    while not checkpoint.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert torch.load(checkpoint, weights_only=True)['step'] in (2, 4)
    pretrain(killed)
    assert losses(killed.out) == pytest.approx(losses(whole_run.out), rel=1e-6)


def test_another_run(whole_run, make_settings):
    out = Path(whole_run.out)
    with pytest.raises(RunError, match='has done 4 steps of 4; .* for 6 or more'):
        pretrain(make_settings(out, steps=3))
    with pytest.raises(RunError, match='batch_size'):
        pretrain(make_settings(out, batch_size=3))
    with pytest.raises(RunError, match='--batch-size is 0; expected at least 1'):
        make_settings(out, batch_size=0)


def test_more_steps(whole_run, make_settings, tmp_path):
    out = tmp_path / 'run'
    shutil.copytree(whole_run.out, out, symlinks=True)
    pretrain(make_settings(out, steps=6))
    assert torch.load(out / 'denoiser' / 'checkpoint.pt', weights_only=True)['step'] == 6
    assert json.loads((out / 'tinysd' / 'training.json').read_text())['steps'] == 6


def test_rate():
    rates = [stage._rate(step, 1000) for step in (0, 49, 99, 500, 749, 875, 999)]
    assert rates == pytest.approx([0.01, 0.5, 1, 1, 1, 0.5, 0.004])
