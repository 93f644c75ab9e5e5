"""The tasks of the demo: configs, columns of the table, files."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'demo'
NULL_TEXT = 'null text'
CAPTIONS = 'captions'
"""The prompt that the demo is about; null text is the comparison."""


class DemoTask(NamedTuple):
    """A task of the demo.

    Attributes:
        name: Value of ``--task``, and name of the module that scores and draws.
        configs: Config of each prompt that is trained.
        columns: Format of each figure in the table.
        chance: The comparison that does not look at the image.
        files: Files that the last step writes, with their content.
    """

    name: str
    configs: dict[str, Path]
    columns: dict[str, str]
    chance: str
    files: dict[str, str]

    @property
    def module(self) -> ModuleType:
        """Functions of the task; importing them loads mmseg or mmdet."""
        return importlib.import_module(f'{__package__}.{self.name}')


def _configs(suffix: str) -> dict[str, Path]:
    return {
        NULL_TEXT: CONFIGS / f'null_shapescenes{suffix}_demo.py',
        CAPTIONS: CONFIGS / f'tadp_shapescenes{suffix}_demo.py',
    }


_ATTENTION = {'attention.png': 'where the words of one caption are attended to'}

TASKS = {
    task.name: task
    for task in (
        DemoTask(
            'segmentation',
            _configs(''),
            {'mIoU': '{:.1f}', 'mAcc': '{:.1f}', 'aAcc': '{:.1f}'},
            'always the background',
            {'demo.png': 'images, ground truth and predictions', **_ATTENTION},
        ),
        DemoTask(
            'depth',
            _configs('_depth'),
            {'abs_rel': '{:.3f}', 'rmse': '{:.3f}', 'd1': '{:.3f}'},
            'always the mean depth map of the labelled scenes',
            {'demo.png': 'images, true and predicted depth'},
        ),
        DemoTask(
            'detection',
            _configs('_detection'),
            {'AP50': '{:.1f}', 'COCO_AP': '{:.1f}'},
            'random boxes of labelled objects whose class the caption names',
            {'demo.png': 'true and predicted boxes', **_ATTENTION},
        ),
    )
}
"""Tasks by name; the first is the default."""
