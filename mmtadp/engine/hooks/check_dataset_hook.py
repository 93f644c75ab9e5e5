"""Look at the files of a dataset before a run."""

import time
from logging import WARNING
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmtadp.datasets.checks import (
    STOP,
    WARN,
    SplitReport,
    check_dataset,
    check_settings,
    conclude,
    diagnose_failures,
    ignored_label,
    largest_depth,
    merge_findings,
)
from mmtadp.datasets.checks.loading import pipeline_transforms
from mmtadp.datasets.transforms import CheckGroundTruth
from mmtadp.registry import HOOKS, register_module
from mmtadp.utils.arguments import check_int, check_number
from mmtadp.utils.errors import RunError

# The loops of a run that are built when it begins; the others are configs or None.
_LOOPS = dict(train='_train_loop', val='_val_loop', test='_test_loop')


@register_module(HOOKS)
class CheckDatasetHook(Hook):
    """Look at some images, masks, depth maps and boxes of each split before a run.

    What cannot be right stops the run: files that cannot be read, ground truth of another size
    than its image, several channels, labels outside the classes or above 255. What may be wrong
    is a warning: EXIF orientations that turn the image and not its mask, masks of 0 and 255, depth
    maps without a valid pixel. ``tools/analysis_tools/check_dataset.py`` looks at all files.

    A sample that fails later, in the run, names its file. The hook also tells each
    :class:`~mmtadp.datasets.CheckGroundTruth` in the pipelines the number of classes and the
    ignored label.

    Args:
        num_samples (int): Images of each dataset, evenly spaced, the first among them. 0 looks at
            none. Defaults to 32.
        seconds (float): No further image of a split is looked at after this time. Defaults to 10.

    Raises:
        ArgumentError: If an argument is not a number, or negative.
    """

    def __init__(self, num_samples: int = 32, seconds: float = 10.0) -> None:
        self.num_samples = check_int('num_samples', num_samples, minimum=0)
        self.seconds = check_number('seconds', seconds, minimum=0)

    def before_run(self, runner) -> None:
        """Look at the datasets of the run's loops.

        Raises:
            RunError: If something cannot be right.
        """
        for split, name in _LOOPS.items():
            dataloader = getattr(getattr(runner, name, None), 'dataloader', None)
            if dataloader is not None:
                self.check_split(split, dataloader.dataset, runner.cfg)

    def check_split(self, split: str, dataset: Any, config: Any) -> None:
        """Look at the dataset of one split.

        Args:
            split (str): 'train', 'val' or 'test'.
            dataset (Any): Of mmseg or mmdet, or a wrapper around several.
            config (Config): The run's.

        Raises:
            RunError: If something cannot be right.
        """
        started = time.monotonic()
        report = SplitReport(split)
        ignore = ignored_label(config, split)
        for leaf in _leaves(dataset):
            report.classes = tuple(leaf.metainfo.get('classes') or ())
            label = ignore[0] if ignore else getattr(leaf, 'ignore_index', 255)
            for transform in pipeline_transforms(getattr(leaf, 'pipeline', ())):
                if isinstance(transform, CheckGroundTruth):
                    transform.fill_in(len(report.classes) or None, label)
            diagnose_failures(leaf, ignore)
            left = self.seconds - (time.monotonic() - started)
            if self.num_samples and left > 0:
                check_dataset(
                    leaf, report, ignore=ignore, num_samples=self.num_samples, seconds=left
                )
        conclude(report, largest_depth(config, split))
        report.add(list(check_settings(config, report)))
        self._say(report, config.filename or 'CONFIG')

    def _say(self, report: SplitReport, name: str) -> None:
        all_files = f'`python tools/analysis_tools/check_dataset.py {name}` looks at all files.'
        looked = f'{report.name}, {report.looked_at:,} of {report.total:,} images looked at'
        # On every process, or the others would wait for this one.
        stops = ' '.join(map(str, merge_findings(report.of_level(STOP))))
        if stops:
            raise RunError(
                f'{looked}: {stops} {all_files} --cfg-options '
                'default_hooks.check_dataset.num_samples=0 runs without this look.'
            )
        for finding in merge_findings(report.of_level(WARN)):
            print_log(f'{looked}: {finding} {all_files}', logger='current', level=WARNING)


def _leaves(dataset: Any):
    """Yield the datasets that hold images themselves."""
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if parts is None and inner is None:
        if hasattr(dataset, 'get_data_info') and hasattr(dataset, 'metainfo'):
            yield dataset
        return
    for part in parts if parts is not None else [inner]:
        yield from _leaves(part)
