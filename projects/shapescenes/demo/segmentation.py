"""Semantic segmentation of ShapeScenes."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config

from .base import (
    CAPTIONS,
    CONFIGS,
    DemoTask,
    PromptRun,
    build_metric,
    captions_of,
    draw_examples,
    draw_words,
    enlarge,
    example_stems,
    in_words,
    read_image,
)

_SCALE = 2


class SegmentationTask(DemoTask):
    """Masks of 24 classes and the background, by mIoU."""

    name = 'segmentation'
    configs = {
        'null text': CONFIGS / 'null_shapescenes.py',
        CAPTIONS: CONFIGS / 'tadp_shapescenes.py',
        'oracle': CONFIGS / 'oracle_shapescenes.py',
    }
    chance = 'always predicting the background'
    columns = {'mIoU': '{:.1f}', 'mAcc': '{:.1f}', 'aAcc': '{:.1f}'}
    pictures = {
        'demo.png': 'images, ground truth, predictions with each prompt',
        'attention.png': 'what words of one caption attend to',
    }

    def score_chance(self, cfg: Config) -> dict[str, float]:
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

    def figures(self, scores: dict[str, float]) -> dict[str, float]:
        """mIoU and accuracies, in percent."""
        return {key: round(float(scores[key]), 2) for key in self.columns}

    def draw(self, runs: dict[str, PromptRun], work_dir: Path) -> None:
        """Put what the visualization hook drew beside the images and under their captions."""
        cfg = runs[CAPTIONS].cfg
        captions = captions_of(cfg)
        rows = {}
        for stem in example_stems(captions):
            truths, predictions = zip(*(_drawn(run, stem) for run in runs.values()))
            row = np.concatenate([read_image(cfg, stem), truths[0], *predictions], axis=1)
            rows[stem] = enlarge(row, _SCALE)
        title = (
            "For each of the captioner's captions: the image, its ground truth, the predictions "
            f'with {in_words(list(runs))}.'
        )
        draw_examples(rows, captions, title, work_dir / 'demo.png')
        draw_words(runs[CAPTIONS], work_dir / 'attention.png')


def _drawn(run: PromptRun, stem: str) -> np.ndarray:
    """Ground truth and prediction, (2, H, W, 3) BGR, which the hook put side by side."""
    (file,) = run.work_dir.glob(f'predictions/vis_data/vis_image/test_{stem}.png_*.png')
    return np.stack(np.split(cv2.imread(str(file)), 2, axis=1))
