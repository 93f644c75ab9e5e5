"""What tasks of the demo have in common."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS, DefaultScope
from visualize_attention import attention_of_words, default_words, draw_attention, save_sheet

from mmtadp.apis import init_model

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NUM_EXAMPLES = 8
CAPTIONS = 'captions'
"""The prompt that the demo is about; others are there to compare with."""


class PromptRun(NamedTuple):
    """What the demo trained with one prompt.

    Attributes:
        cfg: Its config.
        checkpoint: Its weights.
        work_dir: Where its predictions are.
    """

    cfg: Config
    checkpoint: str
    work_dir: Path


class DemoTask(ABC):
    """A task of the demo: its configs, its chance level and its pictures.

    Attributes:
        name: What the command line calls it.
        configs: Config of each prompt that is trained, by what the prompt is called.
        chance: What is scored for comparison, in words that follow 'always' or 'of'.
        columns: What the table of figures shows: how it says it, by key of :meth:`figures`.
        pictures: Names of the files that :meth:`draw` writes, with what they show.
    """

    name: str
    configs: dict[str, Path]
    chance: str
    columns: dict[str, str]
    pictures: dict[str, str]

    def keep_predictions(self, cfg: Config, work_dir: Path) -> None:  # noqa: B027
        """Make the test leave behind what :meth:`draw` needs and the visualizer does not write."""

    @abstractmethod
    def score_chance(self, cfg: Config) -> dict[str, float]:
        """What can be had without looking at the image, by the metric of the test."""

    @abstractmethod
    def figures(self, scores: dict[str, float]) -> dict[str, float]:
        """The figures that go to metrics.json, of a test or of chance."""

    @abstractmethod
    def draw(self, runs: dict[str, PromptRun], work_dir: Path) -> None:
        """Write :attr:`pictures`, given what was trained with each prompt."""


def build_metric(cfg: Config, metainfo: dict) -> BaseMetric:
    """The metric of the test, to score predictions that no model made."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = metainfo
    return metric


def captions_of(cfg: Config) -> dict[str, str]:
    """The caption that the captioner gave each image, by stem."""
    entries = json.loads((Path(cfg.data_root) / 'captions_long.json').read_text())
    return {Path(key).stem: entry['captions'][0] for key, entry in entries.items()}


def labelled(dataset: Config, files: Sequence) -> Sequence:
    """Those of a dataset's files, in order, that it uses."""
    return files[: dataset.get('indices', len(files))]


def example_stems(stems: Sequence[str], count: int = NUM_EXAMPLES) -> list[str]:
    """Validation images at even steps, not chosen by their result."""
    stems = sorted(stem for stem in stems if stem.startswith('validation'))
    return stems[:: max(1, len(stems) // count)][:count]


def read_image(cfg: Config, stem: str) -> np.ndarray:
    """(H, W, 3) BGR of a validation image."""
    return cv2.imread(str(Path(cfg.data_root) / 'images' / 'validation' / f'{stem}.png'))


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    """An image at ``scale`` times its size."""
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def draw_examples(
    rows: dict[str, np.ndarray], captions: dict[str, str], title: str, out_file: Path
) -> None:
    """Put a row of pictures for each example, by stem, under its caption."""
    panels = [(captions[stem], row) for stem, row in rows.items()]
    save_sheet(panels, 1, title, out_file)


def in_words(names: Sequence[str]) -> str:
    """'a, b and c'."""
    *first, last = names
    return f'{", ".join(first)} and {last}' if first else last


def draw_words(run: PromptRun, out_file: Path) -> None:
    """Draw the attention maps of the objects in one caption."""
    model = init_model(run.cfg, run.checkpoint)
    captions = captions_of(run.cfg)
    stem = max(example_stems(captions), key=lambda s: len(captions[s]))
    image, caption = read_image(run.cfg, stem), captions[stem]
    maps = attention_of_words(model, image, caption, default_words(model, caption))
    draw_attention(image, caption, maps, out_file)
