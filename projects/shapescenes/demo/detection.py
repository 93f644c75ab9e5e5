"""Object detection on ShapeScenes."""

import colorsys
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from PIL import Image, ImageDraw, ImageFont

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
    labelled,
    read_image,
)

_SCALE = 3
_SCORE_THRESHOLD = 0.5
_FONT_SIZE = 13
_GAP = 4


class DetectionTask(DemoTask):
    """Boxes of 24 classes, by average precision."""

    name = 'detection'
    configs = {
        'null text': CONFIGS / 'null_shapescenes_detection.py',
        CAPTIONS: CONFIGS / 'tadp_shapescenes_detection.py',
        'oracle': CONFIGS / 'oracle_shapescenes_detection.py',
    }
    chance = 'boxes of labelled objects whose class the caption names, at random'
    columns = {'AP50': '{:.1f}', 'COCO_AP': '{:.1f}'}
    pictures = {
        'demo.png': 'ground truth and predictions with each prompt',
        'attention.png': 'what words of one caption attend to',
    }

    def keep_predictions(self, cfg: Config, work_dir: Path) -> None:
        """At 128 pixels labels hide what they name, so some boxes are drawn once more, larger."""
        cfg.test_evaluator.outfile_prefix = str(work_dir / 'boxes')

    def score_chance(self, cfg: Config) -> dict[str, float]:
        """What a reader of captions scores who does not look at the images.

        For each image, as many boxes as the model may give: those of random labelled objects
        among the classes that the captioner names.
        """
        dataset = cfg.test_dataloader.dataset
        classes = dataset.metainfo.classes
        metric = build_metric(cfg, dataset.metainfo)
        boxes, labels = _training_boxes(cfg)
        captions = captions_of(cfg)
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

    def figures(self, scores: dict[str, float]) -> dict[str, float]:
        """COCO's average precision at IoU 0.5, and over 0.5 to 0.95, in percent."""
        names = {'AP50': 'coco/bbox_mAP_50', 'COCO_AP': 'coco/bbox_mAP'}
        return {key: round(100 * float(scores[name]), 2) for key, name in names.items()}

    def draw(self, runs: dict[str, PromptRun], work_dir: Path) -> None:
        """Put ground truth and predictions side by side under the captions."""
        cfg = runs[CAPTIONS].cfg
        dataset = cfg.test_dataloader.dataset
        captions = captions_of(cfg)
        truth = _annotations(dataset)
        ids = {Path(image['file_name']).stem: image['id'] for image in truth['images']}
        boxes = [truth['annotations'], *(_predicted(run) for run in runs.values())]
        rows = {}
        for stem in example_stems(captions):
            image = enlarge(read_image(cfg, stem), _SCALE)
            gap = np.full((len(image), _GAP, 3), 255, np.uint8)
            own = [[box for box in of if box['image_id'] == ids[stem]] for of in boxes]
            drawn = [part for of in own for part in (_draw_boxes(image, of, dataset), gap)]
            rows[stem] = np.concatenate(drawn[:-1], axis=1)
        title = (
            "For each of the captioner's captions: the true boxes, and those predicted with "
            f'{in_words(list(runs))}, with a score of {_SCORE_THRESHOLD:.0%} or more.'
        )
        draw_examples(rows, captions, title, work_dir / 'demo.png')
        draw_words(runs[CAPTIONS], work_dir / 'attention.png')


def _predicted(run: PromptRun) -> list[dict]:
    """The boxes that are drawn, in COCO's format."""
    rows = json.loads((run.work_dir / 'boxes.bbox.json').read_text())
    return [row for row in rows if row['score'] >= _SCORE_THRESHOLD]


def _annotations(dataset: Config) -> dict:
    return json.loads((Path(dataset.data_root) / dataset.ann_file).read_text())


def _training_boxes(cfg: Config) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4) corners and (n,) labels of all labelled objects."""
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


def _draw_boxes(image: np.ndarray, rows: Sequence[dict], dataset: Config) -> np.ndarray:
    """Boxes of COCO's format on an enlarged image, (H, W, 3) BGR, the best on top."""
    classes = dataset.metainfo.classes
    picture = Image.fromarray(image[..., ::-1])
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=_FONT_SIZE)
    for row in sorted(rows, key=lambda row: row.get('score', 1.0)):
        label = row['category_id'] - 1
        red, green, blue = colorsys.hsv_to_rgb(label / len(classes), 0.9, 0.75)
        colour = (int(255 * red), int(255 * green), int(255 * blue))
        left, top, width, height = (_SCALE * value for value in row['bbox'])
        draw.rectangle((left, top, left + width, top + height), outline=colour, width=3)
        text = classes[label] + (f' {row["score"]:.0%}' if 'score' in row else '')
        # Above the box, and inside the picture.
        x = min(max(left, 0), picture.width - font.getlength(text) - 5)
        y = max(top - _FONT_SIZE - 3, 0)
        area = draw.textbbox((x + 2, y), text, font)
        draw.rectangle((area[0] - 2, y, area[2] + 2, y + _FONT_SIZE + 3), fill=colour)
        draw.text((x + 2, y), text, 'white', font)
    return np.asarray(picture)[..., ::-1]
