"""Helpers to score predictions that no model made."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS, DefaultScope

from mmtadp.utils.atomic_files import read_json


def build_metric(cfg: Config, metainfo: dict) -> BaseMetric:
    """Return the metric of the test."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = metainfo
    return metric


def read_captions(cfg: Config) -> dict[str, str]:
    """Return the caption that the captioner wrote for each image, by stem."""
    advice = 'Delete it: the same command writes it again.'
    entries = read_json(Path(cfg.data_root) / 'captions_long.json', advice)
    return {Path(key).stem: entry['captions'][0] for key, entry in entries.items()}


def labelled(dataset: Config, files: Sequence) -> Sequence:
    """Return the files of a dataset, in order, that training uses."""
    return files[: dataset.get('indices', len(files))]
