import json
from pathlib import Path
from types import SimpleNamespace

import mmcv
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmtadp.utils import launch as runs
from mmtadp.utils import testing_options
from mmtadp.utils.errors import RunError
from mmtadp.utils.pretrained import skipping_pretrained


@pytest.fixture
def checkpoint(run_tool, config, tmp_path) -> Path:
    """A checkpoint after two steps."""
    run_tool('train', config, '--work-dir', 'trained', '--cfg-options', 'train_cfg.max_iters=2')
    return tmp_path / 'trained' / 'iter_2.pth'


def metrics(work_dir: Path) -> dict:
    """The metrics of the only test run into a work directory."""
    (path,) = work_dir.glob('*/*.json')
    return json.loads(path.read_text())


def test_metrics_predictions_and_drawings(run_tool, config, checkpoint, tmp_path):
    run_tool(
        'test', config, checkpoint,
        '--work-dir', 'tested', '--out', 'predictions', '--show-dir', 'drawings',
    )  # fmt: skip
    predictions = [mmcv.imread(f'predictions/{i}.png', 'unchanged') for i in range(4)]
    masks = [mmcv.imread(f'data/masks/{i}.png', 'unchanged') for i in range(4)]
    ious = []
    for label in (0, 1):
        of_label = [(p == label, m == label) for p, m in zip(predictions, masks, strict=True)]
        both = sum(np.sum(p & m) for p, m in of_label)
        ious.append(both / sum(np.sum(p | m) for p, m in of_label))
    assert metrics(tmp_path / 'tested')['mIoU'] == pytest.approx(100 * np.mean(ious), abs=0.01)
    assert len(list((tmp_path / 'drawings').rglob('*.png'))) == 4


def test_tta(run_tool, config, checkpoint, tmp_path, monkeypatch):
    forwards = []
    from mmseg.models import SegTTAModel

    merge = SegTTAModel.merge_preds

    def count(model, samples):
        forwards.append(len(samples[0]))
        return merge(model, samples)

    monkeypatch.setattr(SegTTAModel, 'merge_preds', count)
    run_tool('test', config, checkpoint, '--work-dir', 'tested', '--tta')
    assert forwards == [2, 2, 2, 2]
    assert 'mIoU' in metrics(tmp_path / 'tested')


def test_missing_checkpoint(run_tool, config, tmp_path, capsys):
    (tmp_path / 'iter_4.pth').touch()
    with pytest.raises(SystemExit):
        run_tool('test', config, tmp_path / 'iter_5.pth')
    assert f'iter_5.pth does not exist; {tmp_path} holds iter_4.pth' in capsys.readouterr().err


def test_tta_without_settings(config):
    cfg = Config.fromfile(config)
    cfg.pop('tta_pipeline')
    with pytest.raises(RunError, match='lacks tta_pipeline'):
        testing_options.use_tta(cfg)


def mmdet_config() -> Config:
    """As much of an mmdet config as the options touch."""
    dataset = dict(type='RepeatDataset', dataset=dict(type='CocoDataset', pipeline=['test']))
    return Config(
        dict(
            default_scope='mmdet',
            default_hooks=dict(visualization=dict(type='DetVisualizationHook')),
            model=dict(type='FasterRCNN'),
            tta_model=dict(type='DetTTAModel'),
            tta_pipeline=['tta'],
            test_dataloader=dict(dataset=dataset),
            test_evaluator=dict(type='CocoMetric'),
        )
    )


def test_mmdet_options():
    cfg = mmdet_config()
    testing_options.draw_to(cfg, 'drawings')
    testing_options.use_tta(cfg)
    testing_options.save_predictions_to(cfg, 'predictions.pkl')
    assert cfg.default_hooks.visualization.draw is True
    assert cfg.default_hooks.visualization.test_out_dir == 'drawings'
    assert cfg.model == dict(type='DetTTAModel', module=dict(type='FasterRCNN'))
    assert cfg.test_dataloader.dataset.dataset.pipeline == ['tta']
    assert cfg.test_evaluator == [
        dict(type='CocoMetric'),
        dict(type='mmdet.DumpDetResults', out_file_path='predictions.pkl'),
    ]


def test_mmdet_saves_one_file():
    with pytest.raises(RunError, match='must be a .pkl'):
        testing_options.save_predictions_to(mmdet_config(), 'predictions')


def test_scope_must_be_known():
    cfg = mmdet_config()
    cfg.default_scope = 'mmpose'
    with pytest.raises(RunError, match="got 'mmpose'"):
        testing_options.draw_to(cfg, 'drawings')


def test_model_is_built_without_pretrained_weights(config, monkeypatch):
    seen = []

    def from_cfg(cfg):
        seen.append(skipping_pretrained())
        return SimpleNamespace(hooks=[])

    monkeypatch.setattr(Runner, 'from_cfg', from_cfg)
    for skip in (True, False):
        runs.build_runner(Config.fromfile(config), skip_pretrained=skip)
    assert seen == [True, False]
