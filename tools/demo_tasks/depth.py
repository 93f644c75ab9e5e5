"""Depth of ShapeScenes."""

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
    enlarge,
    example_stems,
    read_image,
)

_SCALE = 2
_NEAR, _FAR = 1.4, 10.0
_MILLIMETRES = 1000


class DepthTask(DemoTask):
    """Metres per pixel, by the error relative to the true depth."""

    name = 'depth'
    config = CONFIGS / 'tadp_shapes_depth_demo.py'
    chance = 'always predicting the mean depth of the training scenes at each pixel'
    pictures = {'demo.png': 'images, ground truth, predictions'}

    def keep_predictions(self, cfg: Config, work_dir: Path) -> None:
        """The drawings of the visualizer each have their own scale; metres have one."""
        cfg.test_evaluator.output_dir = str(work_dir / 'depth')
        cfg.test_evaluator.depth_scale_factor = _MILLIMETRES

    def score_chance(self, cfg: Config) -> Dict[str, float]:
        """What one map for all images scores: the geometric mean of the training set.

        The loss and the relative error compare logarithms; the arithmetic mean scores worse.
        """
        dataset = cfg.test_dataloader.dataset
        metric = build_metric(cfg, {})
        mean_log = np.mean([np.log(m) for m in _depth_maps(cfg.train_dataloader.dataset)], 0)
        prediction = dict(data=torch.from_numpy(np.exp(mean_log))[None])
        count = 0
        for depth in _depth_maps(dataset):
            truth = dict(data=torch.from_numpy(depth)[None])
            metric.process({}, [dict(pred_depth_map=prediction, gt_depth_map=truth)])
            count += 1
        return metric.evaluate(count)

    def figures(self, scores: Dict[str, float], chance: Dict[str, float]) -> Dict[str, float]:
        """Relative error, root mean square error in metres and accuracy of both."""
        figures = {}
        for key in ('abs_rel', 'rmse', 'd1'):
            figures[key] = round(float(scores[key]), 4)
            figures[f'{key}_mean_map'] = round(float(chance[key]), 4)
        figures['ratio'] = round(float(chance['abs_rel'] / scores['abs_rel']), 2)
        return figures

    def draw(self, cfg: Config, checkpoint: str, work_dir: Path) -> None:
        """Put images, true and predicted depth side by side, in one colour scale."""
        captions = captions_of(cfg)
        truth = Path(cfg.data_root) / 'depth' / 'validation'
        panels = []
        for stem in example_stems(captions):
            maps = [_draw_depth(folder / f'{stem}.png') for folder in (truth, work_dir / 'depth')]
            row = np.concatenate([read_image(cfg, stem), *maps], axis=1)
            panels.append((captions[stem], enlarge(row, _SCALE)))
        title = (
            'For each caption: the image, its true depth, the predicted depth. '
            f'Yellow is {_NEAR} m, black {_FAR:.0f} m or more.'
        )
        save_sheet(panels, 2, title, work_dir / 'demo.png')

    def summary(self, metrics: Dict) -> str:
        """Errors of both."""
        return (
            f'Depth is off by {metrics["abs_rel"]:.1%} (abs_rel; RMSE {metrics["rmse"]:.2f} m, '
            f'd1 {metrics["d1"]:.1%}) on {metrics["validation_scenes"]} scenes\n'
            f'that were not trained on ({metrics["training_scenes"]} were). Always predicting the '
            'mean depth of the training\n'
            f'scenes at each pixel is off by {metrics["abs_rel_mean_map"]:.1%} (RMSE '
            f'{metrics["rmse_mean_map"]:.2f} m, d1 {metrics["d1_mean_map"]:.1%}): '
            f'{metrics["ratio"]:.1f} times as much.'
        )


def _depth_maps(dataset: Config):
    """(H, W) float32 metres of each image of a dataset."""
    folder = Path(dataset.data_root) / dataset.data_prefix.depth_map_path
    for file in sorted(folder.glob('*.png')):
        yield cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float32) / _MILLIMETRES


def _draw_depth(file: Path) -> np.ndarray:
    """(H, W, 3) BGR; even steps of colour are even steps of 1 / depth, as disparity is."""
    depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float32) / _MILLIMETRES
    near, far = 1 / _NEAR, 1 / _FAR
    level = (1 / np.clip(depth, _NEAR, _FAR) - far) / (near - far)
    return cv2.applyColorMap(np.uint8(np.rint(255 * level)), cv2.COLORMAP_INFERNO)
