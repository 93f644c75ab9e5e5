"""Semantic segmentation of ShapeScenes: 24 classes and the background, scored by mIoU."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from mmengine.config import Config

from .pictures import class_colours, draw_sheet, example_stems, read_image, show_image
from .scoring import build_metric, read_captions
from .tasks import CAPTIONS
from .words import draw_words

FIGURES = ('mIoU', 'mAcc', 'aAcc')
_PREDICTIONS = 'predictions'


def keep_predictions(cfg: Config, work_dir: Path) -> None:
    """Make the test write predicted masks, 8-bit class indices."""
    cfg.test_evaluator.output_dir = str(work_dir / _PREDICTIONS)
    cfg.test_evaluator.keep_results = True


def score_chance(cfg: Config) -> dict[str, float]:
    """Return the scores of the background everywhere."""
    dataset = cfg.test_dataloader.dataset
    metric = build_metric(cfg, dataset.metainfo)
    files = sorted((Path(dataset.data_root) / dataset.data_prefix.seg_map_path).glob('*.png'))
    for file in files:
        mask = torch.from_numpy(_read_mask(file))[None].long()
        prediction = dict(data=torch.zeros_like(mask))
        metric.process({}, [dict(pred_sem_seg=prediction, gt_sem_seg=dict(data=mask))])
    return metric.evaluate(len(files))


def figures(scores: dict[str, float]) -> dict[str, float]:
    """Return mIoU and accuracies in percent."""
    return {key: round(float(scores[key]), 2) for key in FIGURES}


def draw(runs: dict, folder: Path) -> None:
    """Draw images, ground truth and predictions; and attention maps."""
    cfg = runs[CAPTIONS].cfg
    dataset = cfg.test_dataloader.dataset
    captions, stems = read_captions(cfg), example_stems(cfg)
    truth = Path(dataset.data_root) / dataset.data_prefix.seg_map_path
    folders = [truth, *(run.work_dir / _PREDICTIONS for run in runs.values())]
    masks = {stem: [_read_mask(path / f'{stem}.png') for path in folders] for stem in stems}
    classes = list(dataset.metainfo.classes)
    # Classes of the ground truth first.
    shown = [label for column in zip(*masks.values()) for label in np.unique(column)]
    colours = class_colours([classes[label] for label in dict.fromkeys(shown) if label])
    rows = []
    for stem in stems:
        image = read_image(cfg, stem)
        panels = [_overlay(image, mask, classes, colours) for mask in masks[stem]]
        rows.append((captions[stem], [show_image(image), *panels]))
    note = (
        f'{len(rows)} validation scenes at even steps through the set, not chosen by their '
        'results. Below each scene: its caption, which a captioner wrote from the image alone and '
        'the model in the last column reads.'
    )
    headings = ['image', 'ground truth', *runs]
    draw_sheet(headings, rows, colours, note, folder / 'demo.png')
    draw_words(runs[CAPTIONS], folder / 'attention.png')


def _read_mask(file: Path) -> np.ndarray:
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED)


def _overlay(
    image: np.ndarray, mask: np.ndarray, classes: list[str], colours: dict
) -> Callable[[Axes], None]:
    """Return a function that draws classes in their colours on the faded image."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None].repeat(3, axis=-1) / 255
    picture = 0.62 + 0.3 * grey
    for label in np.unique(mask):
        if label:
            inside = mask == label
            picture[inside] = 0.88 * np.array(colours[classes[label]]) + 0.12 * grey[inside]
    return lambda axes: axes.imshow(picture, interpolation='antialiased')
