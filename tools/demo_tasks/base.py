"""What tasks of the demo have in common."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Dict, List, Sequence

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS, DefaultScope
from visualize_attention import attention_of_words, default_words, draw_attention

from mmtadp.apis import init_model

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'tadp'
NUM_EXAMPLES = 8


class DemoTask(ABC):
    """A task of the demo: its config, its chance level and its pictures.

    Attributes:
        name: What the command line calls it.
        config: Config that is trained.
        chance: What is scored for comparison, in words that follow 'always' or 'of'.
        pictures: Names of the files that :meth:`draw` writes, with what they show.
    """

    name: str
    config: Path
    chance: str
    pictures: Dict[str, str]

    def keep_predictions(self, cfg: Config, work_dir: Path) -> None:  # noqa: B027
        """Make the test leave behind what :meth:`draw` needs and the visualizer does not write."""

    @abstractmethod
    def score_chance(self, cfg: Config) -> Dict[str, float]:
        """What can be had without looking at the image, by the metric of the test."""

    @abstractmethod
    def figures(self, scores: Dict[str, float], chance: Dict[str, float]) -> Dict[str, float]:
        """The figures that go to metrics.json, of the test and of chance."""

    @abstractmethod
    def draw(self, cfg: Config, checkpoint: str, work_dir: Path) -> None:
        """Write :attr:`pictures`."""

    @abstractmethod
    def summary(self, metrics: Dict) -> str:
        """The result in a few lines: the figures and those of chance."""


def build_metric(cfg: Config, metainfo: Dict) -> BaseMetric:
    """The metric of the test, to score predictions that no model made."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = metainfo
    return metric


def captions_of(cfg: Config) -> Dict[str, str]:
    """The caption of each image that the configs use, by stem."""
    entries = json.loads((Path(cfg.data_root) / 'captions.json').read_text())
    return {stem: entry['captions'][0] for stem, entry in entries.items()}


def example_stems(stems: Sequence[str], count: int = NUM_EXAMPLES) -> List[str]:
    """Validation images at even steps, not chosen by their result."""
    stems = sorted(stem for stem in stems if stem.startswith('validation'))
    return stems[:: max(1, len(stems) // count)][:count]


def read_image(cfg: Config, stem: str) -> np.ndarray:
    """(H, W, 3) BGR of a validation image."""
    return cv2.imread(str(Path(cfg.data_root) / 'images' / 'validation' / f'{stem}.png'))


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    """An image at ``scale`` times its size."""
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def draw_words(cfg: Config, checkpoint: str, out_file: Path) -> None:
    """Draw the attention maps of the objects in one caption."""
    model = init_model(cfg, checkpoint)
    captions = captions_of(cfg)
    stem = max(example_stems(captions), key=lambda s: len(captions[s]))
    image, caption = read_image(cfg, stem), captions[stem]
    maps = attention_of_words(model, image, caption, default_words(model, caption))
    draw_attention(image, caption, maps, out_file)
