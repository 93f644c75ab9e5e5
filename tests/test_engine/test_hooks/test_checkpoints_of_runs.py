"""Checkpoints in stock runners: what is in one, and which are loaded for what."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmtadp.models import checkpoint_weights, no_pretrained_weights
from mmtadp.utils.errors import RunError
from mmtadp.utils.launch import build_runner
from tests.utils.tiny_runs import tiny_config

HEAD = 'decode_head.conv_seg.weight'
NULL = 'null_ade20k_4k.py'


@pytest.fixture(scope='module')
def config(tiny_pipeline, tiny_images, tmp_path_factory):
    """Return a function that returns the config of a run into a folder of its own."""

    def make(checkpoint=None, **options):
        work_dir = tmp_path_factory.mktemp('run')
        cfg = tiny_config(tiny_pipeline, tiny_images, work_dir, **options)
        # mmengine finds runners and visualizers of the same name again within a process.
        cfg.experiment_name = cfg.visualizer.name = str(work_dir).replace('/', '_')
        if checkpoint is not None:
            cfg.load_from = str(checkpoint)
        return cfg

    return make


@pytest.fixture(scope='module')
def trained(config):
    """The checkpoint of a run with an average of its weights, and a validation."""
    cfg = config(default_hooks__checkpoint__save_best='mIoU')
    cfg.custom_hooks.append(dict(type='EMAHook'))
    Runner.from_cfg(cfg).train()
    return f'{cfg.work_dir}/iter_2.pth'


@pytest.fixture
def changed(trained, tmp_path):
    """Return a function that writes the checkpoint after a change."""

    def write(change):
        content = torch.load(trained, weights_only=True)
        change(content)
        torch.save(content, tmp_path / 'changed.pth')
        return tmp_path / 'changed.pth'

    return write


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        checkpoint_weights, 'print_log', lambda message, **kwargs: lines.append(message)
    )
    return lines


def test_torch_alone_reads_it(trained):
    """Without mmtadp and mmengine, and with nothing allowed."""
    code = (
        'import sys, torch; c = torch.load(sys.argv[1], weights_only=True); '
        "print(len(c['state_dict']), c['meta']['mmtadp'][0]['timestep'], sorted(c['message_hub']))"
    )
    command = [sys.executable, '-c', code, trained]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d{3} 1 \['log_scalars', 'resumed_keys', 'runtime_info'\]\n", run.stdout)


def test_it_resumes_with_its_log_and_average(config, trained):
    cfg = config(trained, train_cfg__max_iters=4)
    cfg.resume = True
    cfg.custom_hooks.append(dict(type='EMAHook'))
    with no_pretrained_weights():
        runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.get_scalar('train/loss')
    assert isinstance(history, HistoryBuffer) and len(history.data[0]) == 4
    (log,) = Path(runner.work_dir).glob('*/vis_data/scalars.json')
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row['step'] for row in steps if 'loss' in row] == [3, 4]


@pytest.mark.parametrize('average', [False, True])
def test_it_is_tested(config, trained, average, said):
    cfg = config(trained)
    if average:
        cfg.custom_hooks.append(dict(type='EMAHook'))
    metrics = build_runner(cfg, skip_pretrained=True).test()
    assert 0 < metrics['mIoU'] < 100 and said == []


@pytest.mark.parametrize('use', ['test', 'resume'])
def test_a_missing_head_is_refused(config, changed, use):
    cfg = config(changed(lambda c: c['state_dict'].pop(HEAD)))
    cfg.resume = use == 'resume'
    runner = Runner.from_cfg(cfg)
    with pytest.raises(RunError, match=f'changed.pth is not a checkpoint of the whole.*{HEAD}'):
        runner.train() if use == 'resume' else runner.test()


def test_fine_tuning_is_lenient(config, changed, said):
    def other_classes(content):
        content['state_dict'][HEAD] = torch.zeros(150, 8, 1, 1)

    cfg = config(changed(other_classes))
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    Runner.from_cfg(cfg).train()
    (line,) = said
    assert f'{HEAD} is (150, 8, 1, 1) in the checkpoint and (3, 8, 1, 1)' in line


@pytest.mark.parametrize('use', ['test', 'fine-tuning'])
def test_weights_that_diverged_are_refused(config, changed, use):
    cfg = config(changed(lambda c: c['state_dict'][HEAD].fill_(float('nan'))))
    runner = Runner.from_cfg(cfg)
    with pytest.raises(RunError, match=f'changed.pth: 1 of .*NaN.*{HEAD}'):
        runner.test() if use == 'test' else runner.train()


def test_weights_alone_are_tested_and_not_resumed(config, changed):
    def weights_alone(content):
        weights = content['state_dict']
        content.clear()
        content.update(weights)

    path = changed(weights_alone)
    cfg = config(path)
    cfg.custom_hooks.append(dict(type='EMAHook'))
    assert build_runner(cfg, skip_pretrained=True).test()['mIoU'] > 0
    cfg = config(path)
    cfg.resume = True
    with pytest.raises(RunError, match='cannot be resumed: it has no epoch, iter, message_hub'):
        Runner.from_cfg(cfg).train()


def test_the_best_is_not_resumed(config, trained):
    """mmengine saves it without the optimizer, and would go on with a new one."""
    (best,) = Path(trained).parent.glob('best_mIoU*.pth')
    cfg = config(best)
    cfg.resume = True
    with pytest.raises(RunError, match='it has no optimizer.*best_'):
        Runner.from_cfg(cfg).train()


class TestAnotherPrompt:
    def test_is_refused(self, config, trained):
        with pytest.raises(RunError, match="'CaptionPrompt'.*'NullTextPrompt'.*check_checkpoint="):
            Runner.from_cfg(config(trained, base=NULL)).test()

    @pytest.mark.parametrize('average', [False, True])
    def test_can_be_allowed(self, config, trained, said, average):
        cfg = config(trained, base=NULL)
        cfg.custom_hooks[0].check_checkpoint = False
        if average:
            cfg.custom_hooks.append(dict(type='EMAHook'))
        # The model needs its own text encoder, so pretrained weights are read all the same.
        runner = build_runner(cfg, skip_pretrained=True)
        own = runner.model.backbone.prompt.embeddings.clone()
        metrics = runner.test()
        assert 0 < metrics['mIoU'] < 100
        assert torch.equal(runner.model.backbone.prompt.embeddings, own) and own.abs().sum() > 0
        text = '\n'.join(said)
        assert "kept as the model's own: backbone.prompt.embeddings (1 tensor)" in text
        assert 'left out, as the model lacks it: backbone.prompt.text_encoder (36 tensors)' in text

    def test_for_fine_tuning(self, config, trained, said):
        cfg = config(trained, model__backbone__prompt__text_adapter=dict())
        cfg.custom_hooks[0].check_checkpoint = False
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        Runner.from_cfg(cfg).train()
        assert 'untrained: backbone.prompt.text_adapter (5 tensors)' in '\n'.join(said)
