"""Example images: predictions and attention maps of each prompt, side by side."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from torch import nn

from mmtadp.apis import init_model
from mmtadp.apis.attention import attention_of_words
from mmtadp.utils import launch as runs
from projects.claims.runs.claims_settings import ClaimsSettings
from projects.claims.runs.configuration import folder_of, runner_config
from projects.claims.runs.run_plan import NULL, PROMPTS, SEEDS, VARIANTS, Run

_NUM_SCENES = 5
_NUM_WORDS = 2
_INCHES = 1.35

Panel = tuple[str, np.ndarray | None]


def draw_examples(settings: ClaimsSettings, out: Path) -> bool:
    """Draw predictions and attention maps of the models of the first seed.

    Scenes are taken at even steps through the test set, not by their result. The words are the
    names of the classes with the largest areas in the ground truth.

    Args:
        settings (ClaimsSettings): Settings of the runs.
        out (Path): PNG to write.

    Returns:
        bool: Whether it was drawn: only if each of the three prompts has a checkpoint.
    """
    found = [Run(config, SEEDS[0]) for config in PROMPTS]
    checkpoints = [runs.last_checkpoint(folder_of(run, settings)) for run in found]
    if not all(checkpoints):
        return False
    columns = [
        list(_columns(run, runner_config(run, settings), str(checkpoint)))
        for run, checkpoint in zip(found, checkpoints)
    ]
    # Image and ground truth once.
    rows = [[*first, *(p for part in rest for p in part[2:])] for first, *rest in zip(*columns)]
    width, height = len(rows[0]), len(rows)
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        size = (_INCHES * width, 1.2 * _INCHES * height)
        figure = Figure(figsize=size, dpi=100, layout='constrained')
        grid = figure.subplots(height, width, squeeze=False)
        for axes, (title, panel) in zip(grid.ravel(), (panel for row in rows for panel in row)):
            axes.set_axis_off()
            axes.set_title(title, fontsize=6)
            if panel is None:
                axes.set_box_aspect(1)
                axes.text(0.5, 0.5, 'not named', fontsize=7, ha='center', va='center')
            else:
                axes.imshow(panel, cmap='inferno')
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, metadata={'Software': None})
    return True


def _columns(run: Run, config: Config, checkpoint: str) -> Iterator[list[Panel]]:
    """Yield the panels of each scene: image, ground truth, prediction and maps of words."""
    model = init_model(config, checkpoint)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        dataset = DATASETS.build(config.test_dataloader.dataset)
    classes = dataset.metainfo['classes']
    palette = np.asarray(dataset.metainfo['palette'], np.uint8)
    for index in range(0, len(dataset), max(1, len(dataset) // _NUM_SCENES))[:_NUM_SCENES]:
        packed = dataset[index]
        sample = packed['data_samples']
        image = packed['inputs'].permute(1, 2, 0).numpy()
        truth = sample.gt_sem_seg.data[0].numpy()
        batch = dict(inputs=[packed['inputs']], data_samples=[sample])
        predicted = model.test_step(batch)[0].pred_sem_seg.data[0].cpu().numpy()
        areas = np.bincount(truth.ravel(), minlength=len(classes))[1 : len(classes)]
        words = [classes[i + 1] for i in np.argsort(-areas, kind='stable')[:_NUM_WORDS]]
        # The empty caption has no words.
        named = [] if run.config == NULL else words
        maps = [_map(model, image, sample.caption, word) for word in named]
        yield [
            ('image', image[..., ::-1]),
            ('ground truth', palette[truth]),
            (VARIANTS[run.config].label.split(' (')[0], palette[predicted]),
            *maps,
        ]


def _map(model: nn.Module, image: np.ndarray, caption: str, word: str) -> Panel:
    try:
        panel = attention_of_words(model, image, caption, [word])[word]
    except ValueError:
        panel = None
    return f'“{word}”', panel
