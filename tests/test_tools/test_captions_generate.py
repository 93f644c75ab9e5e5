import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmtadp.captions import CaptionStore
from tests.utils.paths import REPOSITORY
from tests.utils.tiny_captioner import save_blip2, write_photos

TOOL = str(REPOSITORY / 'tools' / 'captions' / 'generate.py')


@pytest.fixture(scope='module')
def arguments(tmp_path_factory) -> list[str]:
    """Images, model and search, without --out."""
    folder = tmp_path_factory.mktemp('captions')
    model, photos = save_blip2(folder / 'model'), write_photos(folder / 'photos', 23)
    return [
        *(str(photos), '--model', str(model), '--max-new-tokens', '8', '--batch-size', '2'),
        *('--workers', '0', '--device', 'cpu'),
    ]


@pytest.fixture
def generate(run_tool, capsys):
    """Run the tool in this process; return exit code, output and errors."""

    def generate(*args) -> tuple[int, str, str]:
        code = 0
        try:
            run_tool('captions/generate', *args)
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return generate


def test_folder_to_captions(generate, arguments, tmp_path):
    out = tmp_path / 'captions.json'
    code, said, _ = generate(*arguments, '--out', out)
    assert code == 0
    assert f'{out}: 23 captions, 23 images done in this run' in said
    assert 'images/s' in said and 'of the time in the model' in said
    assert f"ann_file='{out}')" in said
    assert len(CaptionStore([str(out)])) == 23
    code, said, _ = generate(*arguments, '--out', out)
    assert code == 0 and '23 captions, 0 images done in this run' in said


def test_arguments_reach_the_model(generate, arguments, tmp_path):
    out = tmp_path / 'captions.json'
    more = ('--min-new-tokens', 6, '--num-beams', 2, '--dtype', 'bf16', '--key', 'stem')
    assert generate(*arguments, '--out', out, *more)[0] == 0
    settings = json.loads(out.with_suffix('.provenance.json').read_text())['settings']
    assert (settings['min_new_tokens'], settings['num_beams']) == (6, 2)
    assert (settings['dtype'], settings['key']) == ('bf16', 'stem')
    assert set(json.loads(out.read_text())) == {f'{index:03d}' for index in range(23)}


def test_the_captions_of_a_config_are_found_by_its_own_pipeline(generate, arguments, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        "default_scope = 'mmseg'\n"
        'train_dataloader = dict(dataset=dict(\n'
        f"    type='BaseSegDataset', data_root={arguments[0]!r}, img_suffix='.png',\n"
        "    data_prefix=dict(img_path='day'), pipeline=[\n"
        "        dict(type='mmtadp.CaptionLoadTransform', ann_file='captions.json')]))\n"
    )
    code, said, _ = generate(config, *arguments[1:], '--out', 'captions.json', '--key', 'filename')
    assert code == 0 and 'captions.json: 7 captions' in said

    from mmengine.config import Config
    from mmengine.registry import DATASETS, DefaultScope

    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(Config.fromfile(config).train_dataloader.dataset)
    assert [bool(dataset[index]['caption']) for index in range(len(dataset))] == [True] * 7


@pytest.mark.parametrize(
    'more, message',
    [
        (['--model', 'no/such'], "model 'no/such'"),
        (['--key', 'stem', '--root', '/nowhere', '--out', 'captions.txt'], 'captions.txt: '),
        (['--min-new-tokens', '9'], 'expected 0 <= min <= max'),
        (['--root', '/nowhere'], 'is not inside /nowhere'),
        (['--part', '50', '99'], 'fewer batches than parts'),
    ],
)
def test_what_the_user_can_put_right(generate, arguments, tmp_path, more, message):
    code, _, errors = generate(*arguments, '--out', 'captions.json', *more)
    assert code == 2 and 'error: ' in errors and message in errors.split('error: ')[-1]
    assert not (tmp_path / 'captions.json').exists()


def test_ray_that_is_not_installed(generate, arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    code, _, errors = generate(*arguments, '--out', 'captions.json', '--engine', 'ray')
    assert code == 2 and "--engine ray needs Ray Data: pip install 'ray[data]'" in errors


def _run_slowly(argv: list[str], errors: Path) -> None:
    import runpy

    from mmtadp.captioning import Captioner

    caption = Captioner.caption
    Captioner.caption = lambda *args: time.sleep(0.1) or caption(*args)
    os.setpgid(0, 0)
    sys.argv, sys.stderr = argv, errors.open('w')
    runpy.run_path(argv[0], run_name='__main__')


def wait_for_batches(out: Path, count: int, is_running) -> None:
    journals = out.with_suffix('.journal')
    deadline = time.monotonic() + 120
    while sum(p.read_bytes().count(b'\n') for p in journals.glob('*.jsonl')) < count:
        assert is_running() and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize('workers', ['0', '2'])
@pytest.mark.parametrize(
    'number, code, message',
    [(signal.SIGINT, 130, 'Interrupted. The same command continues.'), (signal.SIGTERM, 143, '')],
)
def test_signals(generate, arguments, tmp_path, number, code, message, workers):
    """To the whole group of processes, as a terminal sends them."""
    arguments = [*arguments, '--workers', workers]
    errors, out = tmp_path / 'errors.txt', tmp_path / 'captions.json'
    process = multiprocessing.get_context('fork').Process(
        target=_run_slowly, args=([TOOL, *arguments, '--out', str(out)], errors)
    )
    process.start()
    wait_for_batches(out, 2, process.is_alive)
    os.killpg(process.pid, number)
    process.join()
    assert process.exitcode == code
    assert message in errors.read_text() and 'Traceback' not in errors.read_text()
    assert not out.exists()
    assert generate(*arguments, '--out', out)[0] == 0
    assert len(json.loads(out.read_text())) == 23


def environment() -> dict[str, str]:
    return dict(os.environ, PYTHONPATH=str(REPOSITORY), HF_HUB_OFFLINE='1')


@pytest.mark.slow
def test_killed_then_continued_by_two_processes(generate, arguments, tmp_path):
    """The command lines of the documentation: python, kill -9, torchrun."""
    single, out = tmp_path / 'single.json', tmp_path / 'captions.json'
    assert generate(*arguments, '--out', single)[0] == 0
    command = [TOOL, *arguments, '--out', str(out)]
    process = subprocess.Popen(
        [sys.executable, *command], env=environment(), stderr=subprocess.DEVNULL
    )
    wait_for_batches(out, 1, lambda: process.poll() is None)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    journal = out.with_suffix('.journal')
    assert not out.exists() and journal.is_dir()
    # Whatever it had done by then, something is left to do for both.
    lines = (journal / '0.jsonl').read_text().splitlines(keepends=True)
    (journal / '0.jsonl').write_text(''.join(lines[:3]))
    run = ['torch.distributed.run', '--standalone', '--nproc-per-node=2', *command]
    result = subprocess.run(
        [sys.executable, '-m', *run], env=environment(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    done = 2 * min(3, len(lines))
    assert f'{out}: 23 captions, {23 - done} images done in this run' in result.stdout
    assert out.read_bytes() == single.read_bytes()
    assert json.loads(out.with_suffix('.provenance.json').read_text())['processes'] == 2


@pytest.mark.slow
def test_ray_gives_the_same_file(generate, arguments, tmp_path):
    single, out = tmp_path / 'single.json', tmp_path / 'captions.json'
    photos = Path(arguments[0])
    (photos / 'broken.png').write_bytes(b'no image')
    try:
        assert generate(*arguments, '--out', single)[0] == 0
        # Ray starts as many processes as it may use, and each imports torch. The names of its
        # sockets must be short.
        start = f"""
import functools, runpy, sys, tempfile
import ray
with tempfile.TemporaryDirectory(prefix='ray', dir='/tmp') as folder:
    ray.init = functools.partial(ray.init, num_cpus=2, _temp_dir=folder)
    sys.argv = [{TOOL!r}, *sys.argv[1:]]
    runpy.run_path({TOOL!r}, run_name='__main__')
"""
        command = [*arguments, '--out', str(out), '--engine', 'ray', '--actors', '2']
        result = subprocess.run(
            [sys.executable, '-c', start, *command],
            env=environment(),
            capture_output=True,
            text=True,
        )
    finally:
        (photos / 'broken.png').unlink()
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == single.read_bytes()
    provenance = json.loads(out.with_suffix('.provenance.json').read_text())
    assert (provenance['engine'], provenance['processes']) == ('ray', 2)
    for path in (single, out):
        assert (
            path.with_suffix('.skipped.txt').read_text().split('\t')[1].startswith('not an image')
        )


def test_benchmark_compares_both_ways(run_tool, arguments, capsys):
    photos, *model = arguments[:3]
    run_tool('captions/benchmark', photos, *model, '--limit', 4, '--repeats', 1, '--workers', 1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split('  ')[1] for line in lines[1:3]] == [
        'batches, decoded ahead',
        'one image at a time',
    ]
    assert all('images/s' in line and '% in the model' in line for line in lines[1:3])
    assert lines[3].startswith('  ratio ') and lines[4] == '  4 of 4 captions are equal'
