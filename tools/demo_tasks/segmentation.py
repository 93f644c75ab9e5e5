"""Semantic segmentation of ShapeScenes."""

from pathlib import Path
from typing import Dict

import cv2
import numpy as np
import torch
from mmengine.config import Config
from visualize_attention import save_sheet

from .base import (
    CONFIGS,
    DemoTask,
    build_metric,
    captions_of,
    draw_words,
    enlarge,
    example_stems,
    read_image,
)

_SCALE = 2


class SegmentationTask(DemoTask):
    """Masks of 24 classes and the background, by mIoU."""

    name = 'segmentation'
    config = CONFIGS / 'tadp_shapes_demo.py'
    chance = 'always predicting the background'
    pictures = {
        'demo.png': 'images, ground truth, predictions',
        'attention.png': 'what words of one caption attend to',
    }

    def score_chance(self, cfg: Config) -> Dict[str, float]:
        """What always predicting the background scores."""
        dataset = cfg.test_dataloader.dataset
        metric = build_metric(cfg, dataset.metainfo)
        folder = Path(dataset.data_root) / dataset.data_prefix.seg_map_path
        files = sorted(folder.glob('*.png'))
        for file in files:
            mask = torch.from_numpy(cv2.imread(str(file), cv2.IMREAD_UNCHANGED))[None].long()
            prediction = dict(data=torch.zeros_like(mask))
            metric.process({}, [dict(pred_sem_seg=prediction, gt_sem_seg=dict(data=mask))])
        return metric.evaluate(len(files))

    def figures(self, scores: Dict[str, float], chance: Dict[str, float]) -> Dict[str, float]:
        """mIoU of both, their ratio, and accuracies."""
        return {
            'mIoU': round(float(scores['mIoU']), 2),
            'mIoU_background_only': round(float(chance['mIoU']), 2),
            'ratio': round(float(scores['mIoU'] / chance['mIoU']), 2),
            'mAcc': round(float(scores['mAcc']), 2),
            'aAcc': round(float(scores['aAcc']), 2),
        }

    def draw(self, cfg: Config, checkpoint: str, work_dir: Path) -> None:
        """Put what the visualization hook drew beside the images and under their captions."""
        drawn = work_dir / 'predictions' / 'vis_data' / 'vis_image'
        captions = captions_of(cfg)
        panels = []
        for stem in example_stems(captions):
            (overlays,) = drawn.glob(f'test_{stem}.png_*.png')
            row = np.concatenate([read_image(cfg, stem), cv2.imread(str(overlays))], axis=1)
            panels.append((captions[stem], enlarge(row, _SCALE)))
        title = 'For each caption: the image, its ground truth, the prediction.'
        save_sheet(panels, 2, title, work_dir / 'demo.png')
        draw_words(cfg, checkpoint, work_dir / 'attention.png')

    def summary(self, metrics: Dict) -> str:
        """mIoU of both."""
        return (
            f'mIoU {metrics["mIoU"]:.2f} on {metrics["validation_scenes"]} scenes that were not '
            f'trained on ({metrics["training_scenes"]} were).\n'
            f'Always predicting the background scores {metrics["mIoU_background_only"]:.2f}: the '
            f'model, {metrics["ratio"]:.1f} times as much.'
        )
