"""Memory of a training iteration, of tiny models of each task."""

import runpy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmtadp.engine.hooks import install_prompt_hooks
from tests.utils.family_runs import tiny_version
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
TASKS = ['tadp40_ade20k_4k', 'vpd_nyu_1e', 'tadp_null_modifier_voc2comic_100e']


@pytest.fixture(scope='module')
def tool() -> dict:
    return runpy.run_path(str(REPOSITORY / 'tools' / 'analysis_tools' / 'training_memory.py'))


@pytest.mark.parametrize('name', TASKS)
@pytest.mark.parametrize('accumulated', [False, True])
def test_rows(name, accumulated, tool, tiny_pipeline, tmp_path):
    config = tiny_version(Config.fromfile(CONFIGS / f'{name}.py'), tiny_pipeline, tmp_path)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        model = install_prompt_hooks(MODELS.build(config.model)).train()
        batch = tool['random_batch'](config.default_scope, 2, 64, 64)
        rows = dict(tool['on_cpu'](model, batch, torch.float32, accumulated))
    total = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert rows.pop('moments of AdamW (computed)') == 8 * trained
    assert 0 <= rows.pop('weights') - 4 * total < 1e6  # statistics of norms, embeddings
    (beside,) = rows.values()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert sum(grad.numel() for grad in gradients) > 0.9 * trained
    assert 0 < beside < 2e9


def test_peak_is_that_since_the_reset(tool):
    # By wide margins: a system may take pages from a process, or give it some, at any time.
    tool['reset_peak']()
    before = tool['resident']()
    ones = torch.ones(2**27)  # 512 MiB
    del ones
    highest = tool['peak']()
    assert highest - before > 2**28
    tool['reset_peak']()
    assert highest - tool['peak']() > 2**28


def test_command(tool, tiny_pipeline, tmp_path, monkeypatch, capsys):
    config = tiny_version(
        Config.fromfile(CONFIGS / 'tadp40_ade20k_80k_1gpu.py'), tiny_pipeline, tmp_path
    )
    assert config.model.backbone.pretrained == str(tiny_pipeline)  # whose sizes are measured
    config.dump(tmp_path / 'tiny.py')
    arguments = ['training_memory.py', str(tmp_path / 'tiny.py'), '--size', '64', '64']
    monkeypatch.setattr('sys.argv', arguments)
    tool['main']()
    lines = capsys.readouterr().out.splitlines()
    (title,) = [index for index, line in enumerate(lines) if 'tiny.py' in line]
    assert '2 x 64 x 64, bfloat16, gradient checkpointing on, cpu' in lines[title]
    assert [line.split('  ')[1] for line in lines[title + 1 :]] == [
        'weights',
        'forward and backward, gradients included',
        'moments of AdamW (computed)',
        'together',
    ]
