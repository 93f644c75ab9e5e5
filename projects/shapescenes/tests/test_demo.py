import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from projects.shapescenes.demo import CAPTIONS, NULL_TEXT, TASKS

TOOL = 'projects/shapescenes/tools/demo.py'
SMALL = [
    '--training=5',
    '--validation=4',
    '--cfg-options',
    'train_cfg.max_iters=12',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.logger.interval=1',
    'train_dataloader.batch_size=2',
]


def load_tool(repository, file: str) -> ModuleType:
    path = repository / file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def demo(repository, tmp_path, monkeypatch) -> ModuleType:
    """The demo's module, in a working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', [*sys.path, str(repository / 'tools' / 'analysis_tools')])
    return load_tool(repository, TOOL)


def start(repository, folder, *arguments: str) -> subprocess.Popen:
    """Start the demo with the code that is tested, its output in a file."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(repository), *sys.path])}
    with (folder / 'output.txt').open('w') as output:
        return subprocess.Popen(
            [sys.executable, str(repository / TOOL), *arguments],
            cwd=folder,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def run(repository, folder, *arguments: str, code: int = 0) -> str:
    """Run the demo and return its output."""
    process = start(repository, folder, *arguments)
    process.wait()
    output = (folder / 'output.txt').read_text()
    assert process.returncode == code, output
    return output


def logged_steps(work_dir) -> list:
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line['step'] for line in lines if 'loss' in line]


def running(pattern: str) -> list[str]:
    """Command lines of the processes that have ``pattern`` in theirs."""
    found = []
    for file in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            command = file.read_bytes().decode(errors='replace')
        except OSError:
            continue
        if pattern in command:
            found.append(command)
    return found


@pytest.mark.slow
def test_demo_is_interrupted_continued_and_repeated(repository, tmp_path):
    process = start(repository, tmp_path, *SMALL)
    folder = tmp_path / 'work_dirs' / 'demo' / 'segmentation'
    while not (folder / 'captions' / 'last_checkpoint').exists():
        assert process.poll() is None, (tmp_path / 'output.txt').read_text()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert 'The same command continues' in (tmp_path / 'output.txt').read_text()
    assert not (folder / 'captions' / 'metrics.json').exists()
    if Path('/proc').is_dir():
        assert not running(str(repository / TOOL))
    first = logged_steps(folder / 'captions')

    output = run(repository, tmp_path, *SMALL)
    # Steps after the last checkpoint are lost, those before it are not repeated.
    second = logged_steps(folder / 'captions')[len(first) :]
    assert second[0] in (first[-1], first[-1] + 1, first[-1] + 2, first[-1] - 1)
    assert second[0] > 1 and second[-1] == 12
    # Upstream's output is in the logs.
    assert len(output.splitlines()) < 40 and 'mmengine' not in output and 'Warning' not in output
    assert 'mmengine' in (folder / 'logs' / 'captions.log').read_text()
    check_results(folder, output, {'mIoU', 'mAcc', 'aAcc'})
    assert len(list(folder.glob('*/predictions/*.png'))) == 2 * 4
    # All that is written is below the work directory.
    assert sorted(path.name for path in tmp_path.iterdir()) == ['output.txt', 'work_dirs']

    before = (folder / 'metrics.json').stat().st_mtime_ns
    again = run(repository, tmp_path, *SMALL)
    assert '--overwrite' in again and (folder / 'metrics.json').stat().st_mtime_ns == before

    refused = run(repository, tmp_path, '--overwrite', '--training=6', *SMALL[1:], code=2)
    assert 'training is 5, asked for 6' in refused and 'scenes.log' in refused


def check_results(folder, output: str, keys: set) -> None:
    metrics = json.loads((folder / 'metrics.json').read_text())
    assert list(metrics['prompts']) == [NULL_TEXT, CAPTIONS]
    assert metrics['iterations'] == 12 and metrics['batch_size'] == 2
    assert metrics['labelled_scenes'] == 5 and metrics['validation_scenes'] == 4
    task = TASKS[folder.name]
    for name, figures in {**metrics['prompts'], task.chance: metrics['chance']}.items():
        assert set(figures) == keys and np.isfinite([*figures.values()]).all()
        row = ''.join(f'{style.format(figures[key]):>9}' for key, style in task.columns.items())
        assert re.search(rf'^{re.escape(row)}  {name}$', output, re.MULTILINE)
    for name in (*task.files, 'metrics.json'):
        assert (folder / name).is_file() and name in output
    picture = cv2.imread(str(folder / 'demo.png'))
    # Four rows of three or four columns.
    assert picture.shape[0] > 800 and picture.shape[1] > 500 and picture.std() > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'keys', 'predictions'),
    (
        ('depth', {'abs_rel', 'rmse', 'd1'}, 'predictions/*.png'),
        ('detection', {'AP50', 'COCO_AP'}, 'predictions.bbox.json'),
    ),
)
def test_task(repository, tmp_path, task, keys, predictions):
    output = run(repository, tmp_path, '--task', task, '--work-dir', 'out', *SMALL)
    folder = tmp_path / 'out' / task
    check_results(folder, output, keys)
    for prompt in ('null_text', 'captions'):
        assert logged_steps(folder / prompt) == [*range(1, 13)]
        assert len(list(folder.glob(f'{prompt}/{predictions}'))) == (4 if task == 'depth' else 1)


def test_help_loads_no_model_library(repository):
    code = (
        'import runpy, sys\n'
        f'sys.argv = ["demo.py", "--help"]\n'
        'try:\n'
        f'    runpy.run_path({str(repository / TOOL)!r}, run_name="__main__")\n'
        'except SystemExit:\n'
        '    print(sorted({"torch", "mmengine", "mmtadp", "cv2"} & set(sys.modules)))\n'
    )
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '--quick' in done.stdout and done.stdout.endswith('[]\n')


def test_unknown_task(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(['--task', 'pose'])
    message = capsys.readouterr().err
    assert "invalid choice: 'pose'" in message
    assert re.findall('segmentation|depth|detection', message.splitlines()[-1]) == [*TASKS]


@pytest.mark.parametrize('cores', (1, 2))
def test_finished_prompts_are_kept(demo, tmp_path, monkeypatch, cores):
    calls = []
    monkeypatch.setattr(demo, 'run_jobs', lambda jobs, at_once: calls.append((jobs, at_once)))
    monkeypatch.setattr(demo.os, 'sched_getaffinity', lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(demo.os, 'environ', dict(os.environ))
    folder = tmp_path / 'work_dirs' / 'demo_quick' / 'depth'
    args = demo.make_parser().parse_args(['--task', 'depth', '--quick', '--training=9'])
    args.work_dir, args.data = 'work_dirs/demo_quick', 'd'
    demo.run_demo(TASKS['depth'], args, folder)
    names = [[job.name for job in jobs] for jobs, _ in calls]
    assert names == [['scenes'], [NULL_TEXT, CAPTIONS], ['drawing']]
    assert {at_once for _, at_once in calls} == {cores}
    command = calls[1][0][1].command
    assert command[command.index('--step') + 1] == CAPTIONS
    assert command[command.index('--data') + 1] == 'd'
    assert command[command.index('--training') + 1] == '9'
    assert 'train_cfg.max_iters=10' in command

    calls.clear()
    (folder / 'null_text').mkdir(parents=True)
    (folder / 'null_text' / 'metrics.json').write_text('{}')
    demo.run_demo(TASKS['depth'], args, folder)
    names = [[job.name for job in jobs] for jobs, _ in calls]
    assert names == [['scenes'], [CAPTIONS], ['drawing']]


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
def test_make_hands_the_task_on(demo, repository):
    def make(*arguments: str) -> subprocess.CompletedProcess:
        command = ['make', '--dry-run', '-C', str(repository), 'demo', *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert f'{TOOL} --task segmentation' in make().stdout
    for task in TASKS:
        assert f'{TOOL} --task {task}' in make(f'TASK={task}').stdout
    wrong = make('TASK=pose')
    assert wrong.returncode == 2 and not wrong.stdout.count('demo.py')
    assert "TASK is 'pose'; choose from: segmentation depth detection" in wrong.stderr


def test_relocated_config(demo, tmp_path):
    steps = importlib.import_module('projects.shapescenes.demo.steps')
    args = demo.make_parser().parse_args(['--work-dir', 'out', '--data', 'elsewhere'])
    for task in TASKS.values():
        for prompt in task.configs:
            cfg = steps.load_config(task, prompt, args)
            assert 'data/shapescenes' not in cfg.dump().replace('elsewhere', '')
            assert cfg.model.backbone.pretrained == 'elsewhere/tinysd'
            assert cfg.train_dataloader.dataset.data_root == 'elsewhere/day'
            assert cfg.train_dataloader.dataset.indices == 4000
            assert cfg.train_cfg.max_iters == cfg.param_scheduler[-1].end == 850
            kind = 'NullTextPrompt' if prompt == NULL_TEXT else 'CaptionPrompt'
            assert cfg.model.backbone.prompt.type == kind
            assert cfg.work_dir == f'out/{task.name}/{prompt.replace(" ", "_")}'
