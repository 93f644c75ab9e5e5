import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import Interrupted, RunFolder
from projects.shapescenes.captioner.captioner_card import write_captioner_card
from projects.shapescenes.captioner.captioner_training import train_captioner
from tests.utils.paths import REPOSITORY


def losses(out) -> list[float]:
    lines = RunFolder(str(out), {}, True).log()
    assert [line['step'] for line in lines] == list(range(1, len(lines) + 1))
    return [line['loss'] for line in lines]


def test_result_is_a_folder_of_transformers(settings):
    made = settings()
    folder = train_captioner(made)
    model, info = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert type(model).__name__ == 'VisionEncoderDecoderModel'
    assert not info['missing_keys'] and not info['unexpected_keys']
    states = model.encoder(torch.zeros(2, 3, 128, 128)).last_hidden_state
    assert states.shape == (2, 1 + 64, 192)
    weights = folder / 'model.safetensors'
    # Integers count the batches of the ResNet's normalisations.
    dtypes = {value.dtype for value in load_file(weights).values()}
    assert dtypes == {torch.float16, torch.int64}
    assert 1e6 < weights.stat().st_size < 6e6
    written = sorted((Path(made.out) / 'samples').iterdir())
    assert [path.name for path in written] == ['000002.txt', '000004.txt']
    lines = written[0].read_text().splitlines()
    assert [line.split(':')[0] for line in lines[::4]] == [
        'day 0',
        'day 20',
        'night 0',
        'night 20',
    ]


def test_card(settings):
    made = settings()
    folder = train_captioner(made)
    write_captioner_card(folder, made, 3)
    card = (folder / 'README.md').read_text()
    assert '4 steps of 2 ' in card and ' 8 captioned scenes\n(75% day, 25% night)' in card
    assert f'{losses(made.out)[-1]:.3f} nats' in card
    assert card.count(' ± ') == 2 * 2 * 5 + 1
    scores = json.loads((folder / 'scores.json').read_text())['scores']
    assert list(scores) == ['day', 'night', 'watercolor', 'comic', 'from the scene']
    assert scores['from the scene']['long']['recall']['value'] == 1


def test_interrupted_then_continued(settings, monkeypatch):
    whole, cut = settings('whole'), settings('cut')
    train_captioner(whole)
    append = RunFolder.append

    def interrupt(folder, **values):
        append(folder, **values)
        if values['step'] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunFolder, 'append', interrupt)
    with pytest.raises(Interrupted) as interrupted:
        train_captioner(cut)
    assert interrupted.value.step == 3
    monkeypatch.setattr(RunFolder, 'append', append)
    train_captioner(cut)
    assert losses(cut.out) == pytest.approx(losses(whole.out), rel=1e-6)


def test_killed_then_continued(settings, tmp_path, path_of_tests):
    """kill -9 after a checkpoint; the curve is that of a run that nothing happened to."""
    whole, killed = settings('whole', steps=6), settings('killed', steps=6)
    train_captioner(whole)
    tool = REPOSITORY / 'projects/shapescenes/tools' / 'train_captioner.py'
    code = (
        'import runpy, sys\n'
        'from projects.shapescenes.tinysd import pretraining_scenes, stage\n'
        'pretraining_scenes._CHUNK, stage._LOG_EVERY = 4, 1\n'
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, '-c', code, tool, '--out', killed.out, '--device', 'cpu']
    command += ['--scenes', 8, '--steps', 6, '--batch-size', 2, '--checkpoint-every', 2]
    command += ['--domains', 'day=3', 'night=1']
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.DEVNULL,
        # Elsewhere, or the clone's mmtadp would hide an installed one.
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=path_of_tests),
    )
    checkpoint, deadline = Path(killed.out) / 'checkpoint.pt', time.monotonic() + 120
    # Samples are written after each checkpoint, which takes a while.
    while not checkpoint.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert torch.load(checkpoint, weights_only=True)['step'] in (2, 4)
    train_captioner(killed)
    assert losses(killed.out) == pytest.approx(losses(whole.out), rel=1e-6)


def test_domains_of_the_mix(settings):
    train_captioner(settings(steps=1, domain_shares=dict(comic=1)))
    identity = json.loads((Path(settings().out) / 'settings.json').read_text())
    assert identity['domain_shares'] == {'comic': 1}
    with pytest.raises(RunError, match='domain_shares was'):
        train_captioner(settings(steps=1, domain_shares=dict(comic=1, day=1)))


def test_bf16(settings):
    single, half = settings('single', steps=2), settings('half', steps=2, mixed_precision='bf16')
    train_captioner(single)
    train_captioner(half)
    assert losses(half.out) != losses(single.out)
    assert losses(half.out) == pytest.approx(losses(single.out), rel=0.02)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(steps=0), '--steps is 0; expected at least 1'),
        (dict(domain_shares={'dusk': 1}), r"--domains is \{'dusk': 1\}; expected weights above 0"),
        (dict(domain_shares={'day': 0}), 'such as day=2 night=1'),
        (dict(long_share=0.5), '--long-share is 0.5; expected'),
    ],
)
def test_what_the_user_can_put_right(settings, changes, message):
    with pytest.raises(RunError, match=message):
        settings(**changes)
