"""Depth of ShapeScenes in metres, scored by the error relative to the true depth."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from mmengine.config import Config

from .pictures import draw_sheet, example_stems, read_image, show_image
from .scoring import build_metric, labelled, read_captions
from .tasks import CAPTIONS

FIGURES = ('abs_rel', 'rmse', 'd1')
_PREDICTIONS = 'predictions'
_MILLIMETRES = 1000
_TICKS = (1.5, 2, 3, 4, 6, 8, 10)
_COLOURS = dict(cmap='inferno_r', norm=LogNorm(1.4, 10.0, clip=True))


def keep_predictions(cfg: Config, work_dir: Path) -> None:
    """Make the test write predicted depth maps, 16-bit millimetres."""
    cfg.test_evaluator.output_dir = str(work_dir / _PREDICTIONS)
    cfg.test_evaluator.depth_scale_factor = _MILLIMETRES


def score_chance(cfg: Config) -> dict[str, float]:
    """Return the scores of one map for all images: the geometric mean of the training set.

    The loss and the relative error compare logarithms; the arithmetic mean scores worse.
    """
    metric = build_metric(cfg, {})
    mean_log, number = 0.0, 0
    for depth in _depth_maps(cfg.train_dataloader.dataset):
        mean_log, number = mean_log + np.log(depth.astype(np.float64)), number + 1
    mean = np.exp(mean_log / number).astype(np.float32)
    prediction = dict(data=torch.from_numpy(mean)[None])
    count = 0
    for depth in _depth_maps(cfg.test_dataloader.dataset):
        truth = dict(data=torch.from_numpy(depth)[None])
        metric.process({}, [dict(pred_depth_map=prediction, gt_depth_map=truth)])
        count += 1
    return metric.evaluate(count)


def figures(scores: dict[str, float]) -> dict[str, float]:
    """Return the relative error, the root mean square error in metres and the accuracy."""
    return {key: round(float(scores[key]), 4) for key in FIGURES}


def draw(runs: dict, folder: Path) -> None:
    """Draw images, true and predicted depth in one colour scale."""
    cfg = runs[CAPTIONS].cfg
    captions = read_captions(cfg)
    folders = [Path(cfg.data_root) / 'depth' / 'validation']
    folders += [run.work_dir / _PREDICTIONS for run in runs.values()]
    rows = []
    for stem in example_stems(cfg):
        panels = [_panel(_read_depth(path / f'{stem}.png')) for path in folders]
        rows.append((captions[stem], [show_image(read_image(cfg, stem)), *panels]))
    note = (
        f'{len(rows)} validation scenes at even steps through the set, not chosen by their '
        'results. Below each scene: its caption, which a captioner wrote from the image alone and '
        'the model in the last column reads.'
    )
    headings = ['image', 'true depth', *runs]
    draw_sheet(headings, rows, {}, note, folder / 'demo.png', footer=0.55, finish=_colour_bar)


def _depth_maps(dataset: Config) -> Iterator[np.ndarray]:
    """Yield the depth of each image of a dataset, (H, W) float32 in metres."""
    folder = Path(dataset.data_root) / dataset.data_prefix.depth_map_path
    for file in labelled(dataset, sorted(folder.glob('*.png'))):
        yield _read_depth(file)


def _read_depth(file: Path) -> np.ndarray:
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float32) / _MILLIMETRES


def _panel(depth: np.ndarray) -> Callable[[Axes], None]:
    return lambda axes: axes.imshow(depth, **_COLOURS)


def _colour_bar(figure: Figure, bottom: float) -> None:
    inch = 1 / figure.get_figheight()
    axes = figure.add_axes((0.15, bottom + 0.32 * inch, 0.7, 0.16 * inch))
    bar = figure.colorbar(ScalarMappable(**_COLOURS), cax=axes, orientation='horizontal')
    bar.set_ticks(_TICKS, labels=[f'{tick:g} m' for tick in _TICKS[:-1]] + ['10 m or more'])
    bar.minorticks_off()
