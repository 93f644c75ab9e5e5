"""Object detection on ShapeScenes: boxes of 24 classes, scored by average precision."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmtadp.utils.atomic_files import read_json

from .pictures import (
    class_colours,
    draw_sheet,
    example_stems,
    read_image,
    show_image,
    text_colour,
)
from .scoring import build_metric, labelled, read_captions
from .tasks import CAPTIONS
from .words import draw_words

_SCORE_THRESHOLD = 0.5
_PREDICTIONS = 'predictions'


def keep_predictions(cfg: Config, work_dir: Path) -> None:
    """Make the test write all predicted boxes, in COCO's format."""
    cfg.test_evaluator.outfile_prefix = str(work_dir / _PREDICTIONS)


def score_chance(cfg: Config) -> dict[str, float]:
    """Return the scores of a reader of captions who does not look at the images.

    For each image, as many boxes as the model may give: those of random labelled objects
    among the classes that the captioner names.
    """
    dataset = cfg.test_dataloader.dataset
    classes = dataset.metainfo.classes
    metric = build_metric(cfg, dataset.metainfo)
    boxes, labels = _training_boxes(cfg)
    captions = read_captions(cfg)
    rng = np.random.RandomState(0)
    count = cfg.model.test_cfg.rcnn.max_per_img
    images = _annotations(dataset)['images']
    for image in images:
        named = _named_classes(captions[Path(image['file_name']).stem], classes)
        chosen = rng.permutation(np.flatnonzero(np.isin(labels, named)))[:count]
        prediction = _instances(boxes[chosen], labels[chosen], rng.random_sample(len(chosen)))
        sample = DetDataSample(
            metainfo=dict(img_id=image['id'], ori_shape=(image['height'], image['width'])),
            pred_instances=prediction,
        )
        metric.process({}, [sample.to_dict()])
    return metric.evaluate(len(images))


def figures(scores: dict[str, float]) -> dict[str, float]:
    """Return COCO's average precision at IoU 0.5, and over 0.5 to 0.95, in percent."""
    names = {'AP50': 'coco/bbox_mAP_50', 'COCO_AP': 'coco/bbox_mAP'}
    return {key: round(100 * float(scores[name]), 2) for key, name in names.items()}


def draw(runs: dict, folder: Path) -> None:
    """Draw images, true and predicted boxes; and attention maps."""
    cfg = runs[CAPTIONS].cfg
    dataset = cfg.test_dataloader.dataset
    classes = list(dataset.metainfo.classes)
    captions, stems = read_captions(cfg), example_stems(cfg)
    truth = _annotations(dataset)
    ids = {Path(image['file_name']).stem: image['id'] for image in truth['images']}
    columns = [truth['annotations'], *(_predicted(run.work_dir) for run in runs.values())]
    boxes = {
        stem: [[box for box in column if box['image_id'] == ids[stem]] for column in columns]
        for stem in stems
    }
    # Classes of the ground truth first.
    shown = [
        box['category_id'] - 1 for column in zip(*boxes.values()) for of in column for box in of
    ]
    colours = class_colours([classes[label] for label in dict.fromkeys(shown)])
    rows = []
    for stem in stems:
        image = read_image(cfg, stem)
        panels = [_panel(image, column, classes, colours) for column in boxes[stem]]
        rows.append((captions[stem], panels))
    note = (
        f'{len(rows)} validation scenes at even steps through the set, not chosen by their '
        'results. Below each scene: its caption, which a captioner wrote from the image alone and '
        'the model in the last column reads. Predictions have their score, those below '
        f'{_SCORE_THRESHOLD:.0%} are left out.'
    )
    headings = ['ground truth', *runs]
    draw_sheet(headings, rows, colours, note, folder / 'demo.png')
    draw_words(runs[CAPTIONS], folder / 'attention.png')


def _predicted(work_dir: Path) -> list[dict]:
    """Return the boxes that are drawn, in COCO's format."""
    rows = json.loads((work_dir / f'{_PREDICTIONS}.bbox.json').read_text())
    return [row for row in rows if row['score'] >= _SCORE_THRESHOLD]


def _annotations(dataset: Config) -> dict:
    advice = 'Delete the folder of its domain: the same command writes it again.'
    return read_json(Path(dataset.data_root) / dataset.ann_file, advice)


def _training_boxes(cfg: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 4) corners and (n,) labels of all labelled objects."""
    dataset = cfg.train_dataloader.dataset
    content = _annotations(dataset)
    ids = {image['id'] for image in labelled(dataset, content['images'])}
    annotations = [a for a in content['annotations'] if a['image_id'] in ids]
    boxes = np.array([a['bbox'] for a in annotations], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, np.array([a['category_id'] - 1 for a in annotations])


def _named_classes(caption: str, classes: Sequence[str]) -> list[int]:
    words = set(re.findall('[a-z]+', caption))
    return [label for label, name in enumerate(classes) if name in words]


def _instances(boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> InstanceData:
    return InstanceData(
        bboxes=torch.from_numpy(boxes),
        labels=torch.from_numpy(labels),
        scores=torch.from_numpy(scores),
    )


def _panel(
    image: np.ndarray, boxes: Sequence[dict], classes: list[str], colours: dict
) -> Callable[[Axes], None]:
    """Return a function that draws boxes of COCO's format on an image, the best on top."""

    def draw_on(axes: Axes) -> None:
        show_image(image)(axes)
        for box in sorted(boxes, key=lambda row: row.get('score', 1.0)):
            left, top, width, height = box['bbox']
            colour = colours[classes[box['category_id'] - 1]]
            for edge, line in (('white', 3.6), (colour, 2.2)):
                style = dict(fill=False, edgecolor=edge, linewidth=line)
                axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, **style))
            if 'score' in box:
                axes.text(
                    *(left, top - 1),
                    f'{box["score"]:.0%}',
                    fontsize=7.5,
                    color=text_colour(colour),
                    bbox=dict(facecolor=colour, edgecolor='none', pad=0.8),
                    verticalalignment='bottom',
                    clip_on=True,
                )

    return draw_on
