"""Depth of ShapeScenes."""

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
    enlarge,
    example_stems,
    in_words,
    labelled,
    read_image,
)

_SCALE = 2
_NEAR, _FAR = 1.4, 10.0
_MILLIMETRES = 1000


class DepthTask(DemoTask):
    """Metres per pixel, by the error relative to the true depth."""

    name = 'depth'
    configs = {
        'null text': CONFIGS / 'null_shapescenes_depth.py',
        CAPTIONS: CONFIGS / 'tadp_shapescenes_depth.py',
    }
    chance = 'always predicting the mean depth of the labelled scenes at each pixel'
    columns = {'abs_rel': '{:.3f}', 'rmse': '{:.3f}', 'd1': '{:.3f}'}
    pictures = {'demo.png': 'images, ground truth, predictions with each prompt'}

    def keep_predictions(self, cfg: Config, work_dir: Path) -> None:
        """The drawings of the visualizer each have their own scale; metres have one."""
        cfg.test_evaluator.output_dir = str(work_dir / 'depth')
        cfg.test_evaluator.depth_scale_factor = _MILLIMETRES

    def score_chance(self, cfg: Config) -> dict[str, float]:
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

    def figures(self, scores: dict[str, float]) -> dict[str, float]:
        """Relative error, root mean square error in metres and accuracy."""
        return {key: round(float(scores[key]), 4) for key in self.columns}

    def draw(self, runs: dict[str, PromptRun], work_dir: Path) -> None:
        """Put images, true and predicted depth side by side, in one colour scale."""
        cfg = runs[CAPTIONS].cfg
        captions = captions_of(cfg)
        folders = [Path(cfg.data_root) / 'depth' / 'validation']
        folders += [run.work_dir / 'depth' for run in runs.values()]
        rows = {}
        for stem in example_stems(captions):
            maps = [_draw_depth(folder / f'{stem}.png') for folder in folders]
            rows[stem] = enlarge(np.concatenate([read_image(cfg, stem), *maps], axis=1), _SCALE)
        title = (
            "For each of the captioner's captions: the image, its true depth, the predictions "
            f'with {in_words(list(runs))}. Yellow is {_NEAR} m, black {_FAR:.0f} m or more.'
        )
        draw_examples(rows, captions, title, work_dir / 'demo.png')


def _depth_maps(dataset: Config):
    """(H, W) float32 metres of each image of a dataset."""
    folder = Path(dataset.data_root) / dataset.data_prefix.depth_map_path
    for file in labelled(dataset, sorted(folder.glob('*.png'))):
        yield cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float32) / _MILLIMETRES


def _draw_depth(file: Path) -> np.ndarray:
    """(H, W, 3) BGR; even steps of colour are even steps of 1 / depth, as disparity is."""
    depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float32) / _MILLIMETRES
    near, far = 1 / _NEAR, 1 / _FAR
    level = (1 / np.clip(depth, _NEAR, _FAR) - far) / (near - far)
    return cv2.applyColorMap(np.uint8(np.rint(255 * level)), cv2.COLORMAP_INFERNO)
