import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from PIL import Image

from mmtadp.personalization import TextualInversion, personalize
from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import Interrupted, RunFolder
from tests.utils.paths import REPOSITORY

TOOL = REPOSITORY / 'tools' / 'personalize' / 'textual_inversion.py'


def losses(out: str) -> list[float]:
    lines = RunFolder(out, {}, True).log()
    assert [line['step'] for line in lines] == list(range(1, len(lines) + 1))
    return [line['loss'] for line in lines]


def test_killed_then_continued(inversion, common, tmp_path):
    """kill -9 between checkpoints; the curve is that of a run that nothing happened to."""
    personalize(TextualInversion, inversion(steps=10, out=str(tmp_path / 'whole')))
    out = Path(common['out'])
    command = [sys.executable, TOOL, common['images'], '--out', out, '--cpu']
    command += ['--pretrained', common['pretrained'], '--token', '<night>']
    command += ['--initializer', 'night', '--resolution', '32', '--steps', '10']
    command += ['--accumulate', '2', '--checkpoint-every', '2']
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    log, deadline = out / 'log.jsonl', time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b'\n') >= 3):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (out / 'learned_embeds.safetensors').exists()
    summary = personalize(TextualInversion, inversion(steps=10))
    assert summary.first in (2, 4, 6, 8) and summary.steps == 10
    whole = losses(str(tmp_path / 'whole'))
    assert len(whole) == 10 and losses(str(out)) == pytest.approx(whole, rel=1e-6)


@pytest.mark.slow
def test_two_processes_are_a_batch_of_two(inversion, common, tmp_path):
    single = inversion(batch_size=2, out=str(tmp_path / 'single'))
    personalize(TextualInversion, single)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc-per-node=2', TOOL, common['images'], '--out', common['out'], '--cpu']
    command += ['--pretrained', common['pretrained'], '--token', '<night>', '--accumulate', '2']
    command += ['--initializer', 'night', '--resolution', '32', '--steps', '3']
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('3 steps, 0 of them in earlier runs') == 1
    assert losses(common['out']) == pytest.approx(losses(single.out), rel=1e-5)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_save(inversion, monkeypatch, number):
    append = RunFolder.append
    monkeypatch.setattr(
        RunFolder, 'append', lambda *a, **k: append(*a, **k) or os.kill(os.getpid(), number)
    )
    with pytest.raises(Interrupted) as interrupted:
        personalize(TextualInversion, inversion())
    assert (interrupted.value.step, interrupted.value.signal) == (1, number)
    monkeypatch.setattr(RunFolder, 'append', append)
    summary = personalize(TextualInversion, inversion())
    assert (summary.first, summary.steps) == (1, 3)


def test_other_arguments_are_another_run(inversion):
    personalize(TextualInversion, inversion(steps=1))
    with pytest.raises(RunError, match='seed was 0 and is 1'):
        personalize(TextualInversion, inversion(steps=2, seed=1))
    assert personalize(TextualInversion, inversion(steps=2)).first == 1
    assert personalize(TextualInversion, inversion(steps=2)).first == 2
    assert personalize(TextualInversion, inversion(seed=1, overwrite=True)).first == 0


def test_memory_savers_and_pictures(inversion, tmp_path):
    plain = inversion(out=str(tmp_path / 'plain'))
    personalize(TextualInversion, plain)
    settings = inversion(
        gradient_checkpointing=True, validation_prompts=('a <night> cat', 'a dog')
    )
    personalize(TextualInversion, settings)
    assert losses(settings.out) == pytest.approx(losses(plain.out), rel=1e-5)
    pictures = sorted((Path(settings.out) / 'validation').iterdir())
    assert [path.name for path in pictures] == ['000003.png']
    assert Image.open(pictures[0]).size == (2 * 32, 2 * 32)


def test_bf16(inversion, tmp_path):
    personalize(TextualInversion, inversion(out=str(tmp_path / 'plain')))
    settings = inversion(mixed_precision='bf16', out=str(tmp_path / 'bf16'))
    AcceleratorState._reset_state(reset_partial_state=True)
    personalize(TextualInversion, settings)
    plain, bf16 = losses(str(tmp_path / 'plain')), losses(settings.out)
    assert bf16 != plain and bf16 == pytest.approx(plain, rel=0.05)
