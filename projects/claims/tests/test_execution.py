"""Runs through the stock runner, with two steps each."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmtadp.utils import launch as runs
from projects.claims.runs.blur import write_blurred
from projects.claims.runs.configuration import folder_of, replace_prefix, runner_config
from projects.claims.runs.confusion import SIZES, mean_iou
from projects.claims.runs.execution import execute
from projects.claims.runs.fingerprint import fingerprint
from projects.claims.runs.results_file import ResultsFile, run_of
from projects.claims.runs.run_plan import Run
from projects.claims.tests.conftest import VALIDATION, write_captions


def test_run_from_end_to_end(settings):
    run = Run('tadp_shapescenes', 0)
    row = execute(run, settings)
    assert ResultsFile(settings.results).rows() == {run.key: row}
    assert run_of(row) == run and row['fingerprint'] == fingerprint(run, settings)
    assert 0 < row['metrics']['mIoU'] < 20 and row['iterations'] == 2
    assert row['test_scenes'] == VALIDATION and row['training_scenes'] == 4
    assert len(row['classes']) == 25 and row['threads'] >= 1 and row['versions']['torch']
    matrices = {size: np.array(row['confusion'][size]) for size in SIZES}
    # 4 scenes in thirds: 2, 1 and 1.
    pixels = [matrices[size].sum() // 64**2 for size in SIZES]
    assert pixels == [2, 1, 1]
    # mmseg averages over classes that are in an image or a prediction, too.
    assert mean_iou(sum(matrices.values())) == pytest.approx(row['metrics']['mIoU'], abs=0.01)
    # One checkpoint, without the optimizer.
    (checkpoint,) = runs.find_checkpoints(folder_of(run, settings))
    assert 'optimizer' not in torch.load(checkpoint, weights_only=False)


def test_the_dumped_config_runs_with_the_stock_tool(settings, path_of_tests, repository):
    """The hook and the metric of the runs are registered when the config is read."""
    run = Run('null_shapescenes', 0)
    row = execute(run, settings)
    folder = folder_of(run, settings)
    (checkpoint,) = runs.find_checkpoints(folder)
    (config,) = folder.glob('*.py')
    paths = [path_of_tests, os.environ.get('PYTHONPATH', '')]
    command = [sys.executable, repository / 'tools' / 'test.py', config, checkpoint]
    output = subprocess.run(
        [*map(str, command), '--work-dir', str(folder / 'again')],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    (file,) = (folder / 'again').glob('*/*.json')
    metrics = json.loads(file.read_text())
    assert metrics['mIoU'] == pytest.approx(row['metrics']['mIoU'], abs=0.01)


def test_the_scenes_that_are_counted_are_those_tested(settings):
    options = {**settings.cfg_options, 'test_dataloader.dataset.indices': -3}
    row = execute(Run('null_shapescenes', 0), replace(settings, cfg_options=options))
    assert row['test_scenes'] == 3
    assert sum(np.sum(matrix) for matrix in row['confusion'].values()) == 3 * 64**2


def test_blurred_test_of_a_trained_model(own_data, forget_runs):
    root = Path(own_data.data)
    for _ in range(2):
        folder = write_blurred(root / 'day', 2)
    write_captions(folder, 'long', 0)
    assert len(list((folder / 'images' / 'validation').glob('*.png'))) == VALIDATION
    first = execute(Run('tadp_shapescenes', 0, blur=2), own_data)
    written = folder_of(Run('tadp_shapescenes', 0), own_data) / 'trained.json'
    before = written.stat().st_mtime_ns
    forget_runs()
    second = execute(Run('tadp_shapescenes', 0), own_data)
    assert written.stat().st_mtime_ns == before  # trained once
    assert first['confusion'] != second['confusion'] and first['test_scenes'] == VALIDATION
    pipeline = runner_config(Run('tadp_shapescenes', 0, blur=2), own_data).test_dataloader.dataset
    assert pipeline.data_root == str(folder)
    assert pipeline.pipeline[0].ann_file == str(folder / 'captions_long.json')


@pytest.mark.parametrize('config', ('null_shapescenes_depth', 'oracle_shapescenes_detection'))
def test_other_tasks(settings, config):
    if config.endswith('detection'):
        options = {k: v for k, v in settings.cfg_options.items() if 'preprocessor' not in k}
        settings = replace(settings, cfg_options=options)
    row = execute(Run(config, 0), settings)
    name = 'rmse' if row['task'] == 'depth' else 'coco/bbox_mAP'
    assert np.isfinite(row['metrics'][name]) and 'confusion' not in row


def test_fingerprint_knows_what_matters(own_data, tmp_path):
    run = Run('tadp_shapescenes', 0)
    same = fingerprint(run, own_data)
    elsewhere = replace(own_data, work_dir=str(tmp_path / 'other'), threads=3)
    assert fingerprint(run, elsewhere) == same
    others = [
        Run('tadp_shapescenes', 1),
        Run('tadp_shapescenes', 0, 3),
        Run('tadp_short_shapescenes', 0),
    ]
    found = {fingerprint(other, own_data) for other in others}
    longer = replace(own_data, cfg_options={**own_data.cfg_options, 'train_cfg.max_iters': 3})
    found.add(fingerprint(run, longer))
    captions = Path(own_data.data) / 'day' / 'captions_long.json'
    entries = json.loads(captions.read_text())
    entries['validation/validation_000000.png'] = {'captions': ['a red star']}
    captions.write_text(json.dumps(entries))
    found.add(fingerprint(run, own_data))
    assert len(found | {same}) == 6
    captions.unlink()
    with pytest.raises(FileNotFoundError, match='captions_long.json'):
        fingerprint(run, own_data)


def test_replace_prefix():
    value = dict(a=['data/x', ('data/x/y', 3)], b=dict(c='data/xy', d=None))
    expected = dict(a=['/r', ('/r/y', 3)], b=dict(c='data/xy', d=None))
    assert replace_prefix(value, 'data/x', '/r') == expected
