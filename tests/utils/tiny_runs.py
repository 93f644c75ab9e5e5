"""Runs of the project's own configs on a few small images."""

import json
from pathlib import Path

import numpy as np
from mmcv import imwrite
from mmengine.config import Config

from .tiny_model import OUT_CHANNELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CLASSES = ('wall', 'cat', 'dog')
SIZE = (64, 80)


def write_images(root: Path, per_split: int = 4) -> Path:
    """Random images with masks in ADE20K's layout, labels 0 to 2, and their captions."""
    rng = np.random.RandomState(0)
    captions = {}
    for split in ('training', 'validation'):
        for index in range(per_split):
            name = f'{split}_{index}'
            mask = np.kron(rng.randint(0, 3, (4, 5)), np.ones((16, 16))).astype(np.uint8)
            image = mask[..., None] * 80 + rng.randint(0, 60, (*SIZE, 3))
            imwrite(image.astype(np.uint8), str(root / f'images/{split}/{name}.png'))
            imwrite(mask, str(root / f'annotations/{split}/{name}.png'))
            words = ' and '.join(f'a {CLASSES[label]}' for label in np.unique(mask))
            captions[name] = dict(captions=[f'{words}, {split} {index}'])
    (root / 'captions.json').write_text(json.dumps(captions))
    return root


def tiny_config(
    pipeline: Path, data: Path, work_dir: Path, base: str = 'tadp40_ade20k_4k.py', **options
) -> Config:
    """A config of the project on :func:`write_images`'s data, with the tiny pipeline.

    Args:
        pipeline: Diffusers folder of the tiny pipeline.
        data: Folder that :func:`write_images` filled.
        work_dir: Where the run writes.
        base: File name in ``configs/tadp``.
        options: Overrides by dotted key, dots written as double underscores.
    """
    config = Config.fromfile(CONFIGS / 'tadp' / base)
    meta_keys = config.meta_keys
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    if any(t['type'] == 'mmtadp.CaptionLoadTransform' for t in config.train_pipeline):
        ann_file = str(data / 'captions.json')
        load.insert(0, dict(type='mmtadp.CaptionLoadTransform', ann_file=ann_file))
    pack = dict(type='PackSegInputs', meta_keys=meta_keys)
    pipelines = dict(train=[*load, dict(type='RandomFlip', prob=0.5), pack], val=[*load, pack])
    for split, folder in (('train', 'training'), ('val', 'validation')):
        dataloader = config[f'{split}_dataloader']
        dataloader.update(num_workers=0, persistent_workers=False, batch_size=1)
        dataloader.dataset = dict(
            type='BaseSegDataset',
            data_root=str(data),
            img_suffix='.png',
            seg_map_suffix='.png',
            reduce_zero_label=False,
            metainfo=dict(classes=CLASSES, palette=[[0, 0, 0], [99, 0, 0], [0, 99, 0]]),
            data_prefix=dict(img_path=f'images/{folder}', seg_map_path=f'annotations/{folder}'),
            pipeline=pipelines[split],
        )
    config.test_dataloader = config.val_dataloader
    config.tta_pipeline = [
        *load[:-1],
        dict(
            type='TestTimeAug',
            transforms=[
                [dict(type='Resize', scale_factor=ratio) for ratio in (0.5, 1.0)],
                [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
                [dict(type='LoadAnnotations')],
                [pack],
            ],
        ),
    ]
    config.merge_from_dict(
        {
            'work_dir': str(work_dir),
            'model.data_preprocessor.size': None,
            'model.data_preprocessor.size_divisor': 1,
            'model.backbone.pretrained': str(pipeline),
            'model.neck.in_channels': OUT_CHANNELS,
            'model.neck.out_channels': 8,
            'model.decode_head.num_classes': len(CLASSES),
            'model.decode_head.in_channels': [8] * 4,
            'model.decode_head.channels': 8,
            'model.decode_head.norm_cfg.type': 'BN',
            'model.test_cfg.crop_size': (48, 48),
            'model.test_cfg.stride': (32, 32),
            'train_cfg.max_iters': 2,
            'train_cfg.val_interval': 2,
            'default_hooks.checkpoint.interval': 2,
            'default_hooks.checkpoint.save_best': None,
            'default_hooks.logger.interval': 1,
            'env_cfg.dist_cfg.backend': 'gloo',
            'vis_backends': [dict(type='LocalVisBackend')],
            'visualizer.vis_backends': [dict(type='LocalVisBackend')],
            'randomness': dict(seed=0),
        }
    )
    config.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return config
