"""A stock segmentor on four small images, to run the tools with."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import mmcv
import numpy as np
import pytest

CONFIG = """
default_scope = 'mmseg'
custom_imports = dict(imports=['mmtadp'])
norm = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[127.5] * 3, std=[127.5] * 3, size=(32, 32)
    ),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, num_stages=1, strides=(1,),
        dilations=(1,), out_indices=(0,), norm_cfg=norm,
    ),
    decode_head=dict(
        type='FCNHead', in_channels=4, channels=4, in_index=0, num_convs=1, num_classes=2,
        norm_cfg=norm,
    ),
    test_cfg=dict(mode='whole'),
)
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='BaseSegDataset',
        data_root='{root}',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=('dark', 'light'), palette=[[0, 0, 0], [255, 255, 255]]),
        pipeline=pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=train_dataloader['dataset'],
)
test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
val_dataloader, val_evaluator = test_dataloader, test_evaluator
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=4)
val_cfg = test_cfg = dict()
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2, save_best='mIoU'),
    logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    visualization=dict(type='SegVisualizationHook'),
)
log_processor = dict(by_epoch=False)
visualizer = dict(
    type='SegLocalVisualizer', name='visualizer', vis_backends=[dict(type='LocalVisBackend')]
)
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config, and beside it the data it names."""
    rng = np.random.default_rng(0)
    for index in range(4):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, 8 * index :] = 1
        image = 100 * mask[..., None] + rng.integers(0, 100, (32, 32, 3), np.uint8)
        mmcv.imwrite(image, str(tmp_path / 'data' / 'images' / f'{index}.jpg'))
        mmcv.imwrite(mask, str(tmp_path / 'data' / 'masks' / f'{index}.png'))
    path = tmp_path / 'small.py'
    path.write_text(CONFIG.replace('{root}', str(tmp_path / 'data')))
    return path


@pytest.fixture
def run_tool(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forget_runs: Callable[[], None],
) -> Callable[..., None]:
    """Runs tools/NAME.py in this process, with some arguments, in a folder of its own."""

    def run(name: str, *args) -> None:
        forget_runs()
        monkeypatch.chdir(tmp_path)
        # Removed again, as the tools set it.
        monkeypatch.setenv('LOCAL_RANK', '0')
        script = repository / 'tools' / f'{name}.py'
        # As Python does for a script.
        monkeypatch.syspath_prepend(script.parent)
        monkeypatch.setattr(sys, 'argv', [str(script), *map(str, args)])
        try:
            runpy.run_path(str(script), run_name='__main__')
        except SystemExit as end:
            if end.code:
                raise

    return run
