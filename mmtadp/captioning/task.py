"""Describe a captioning run, and plan the work that earlier runs have left."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmtadp.captions import ResultFiles, assign_keys, read_caption_file
from mmtadp.captions.keys import normalise
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import DEFAULT_MAX_PIXELS
from mmtadp.utils.image_sources import find_images
from mmtadp.utils.resumable import check_same_settings

from .captioner import Decoding
from .journal import Journal

DEFAULT_BATCH_SIZE = 64


@dataclass(frozen=True)
class Task:
    """The arguments of a captioning run.

    Attributes:
        source (str): Images; see :func:`~mmtadp.utils.image_sources.find_images`.
        out (str): The caption file.
        model (str): Hub id or folder.
        revision (str | None): Branch, tag or commit of a hub id.
        prompt (str | None): Text that the model reads with each image.
        decoding (Decoding): The search.
        dtype (str): 'fp32', 'fp16', 'bf16' or 'int8'.
        key (str): Key policy: 'stem', 'filename' or 'relpath'.
        root (str | None): Folder from which relative keys start.
        splits (tuple[str, ...]): For a config: some of 'train', 'val' and 'test'.
        cfg_options (dict | None): For a config: settings that override it.
        part (tuple[int, int] | None): Index and count: caption only every count-th batch.
        batch_size (int): The largest to try.
        max_pixels (int): Larger images are skipped.
        workers (int): Number of processes that decode images.
        overwrite (bool): Forget earlier results.
    """

    source: str
    out: str
    model: str
    revision: str | None = None
    prompt: str | None = None
    decoding: Decoding = field(default_factory=Decoding)
    dtype: str = 'fp32'
    key: str = 'relpath'
    root: str | None = None
    splits: tuple[str, ...] = ('train', 'val', 'test')
    cfg_options: dict | None = None
    part: tuple[int, int] | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    max_pixels: int = DEFAULT_MAX_PIXELS
    workers: int = 2
    overwrite: bool = False

    def settings(self) -> dict[str, Any]:
        """Return the settings that the captions depend on, which a continued run must share.

        Paths are relative to the caption file's folder, so that a tree of folders can be moved.
        """
        folder = os.path.dirname(os.path.abspath(self.out))
        return dict(
            model=os.path.relpath(self.model, folder) if os.path.isdir(self.model) else self.model,
            revision=self.revision,
            prompt=self.prompt,
            **asdict(self.decoding),
            dtype=self.dtype,
            input=os.path.relpath(self.source, folder),
            root=None if self.root is None else os.path.relpath(self.root, folder),
            key=self.key,
            part=None if self.part is None else list(self.part),
        )


@dataclass
class Progress:
    """Images that are done.

    Attributes:
        captions (dict[str, str]): Key to caption.
        skipped (dict[str, str]): Key to the reason why there is no caption.
    """

    captions: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, journal: Journal) -> 'Progress':
        """Return the progress that a journal's records add up to.

        Raises:
            RunError: If a record is damaged.
        """
        progress = cls()
        for record in journal.read(dict(captions=dict, skipped=dict)):
            progress.update(cls(record['captions'], record['skipped']))
        return progress

    def __contains__(self, key: str) -> bool:
        return key in self.captions or key in self.skipped

    def __len__(self) -> int:
        return len(self.captions) + len(self.skipped)

    def update(self, other: 'Progress') -> None:
        """Add the images of another progress."""
        self.captions.update(other.captions)
        self.skipped.update(other.skipped)


@dataclass
class Plan:
    """The images of a run, and those that remain to be captioned.

    Batches are cut from the whole list, whatever is done already and however many processes
    there are: each image is always in the same batch, so results do not depend on how a run is
    interrupted or shared out.

    Attributes:
        paths (dict[str, str]): Path of each image, by key, in the order of keys.
        done (Progress): Captions and skipped images of earlier runs.
        batches (list[list[str]]): Keys of the images that remain.
    """

    paths: dict[str, str]
    done: Progress
    batches: list[list[str]]

    @property
    def num_done(self) -> int:
        """int: Number of images that earlier runs have done."""
        return len(self.paths) - sum(map(len, self.batches))


def make_plan(task: Task, files: ResultFiles, journal: Journal) -> Plan:
    """Find the images, and the results of an interrupted or a finished run.

    Args:
        task (Task): The arguments of the run.
        files (ResultFiles): Its results.
        journal (Journal): Its journal; claimed, and created if there is work to do and none
            exists.

    Returns:
        Plan: The images, and the work that remains.

    Raises:
        RunError: If an earlier run had other arguments, or images, keys or earlier results are
            inconsistent with the task.
    """
    journal.claim()
    images = find_images(task.source, task.root, task.splits, task.cfg_options)
    paths = assign_keys(images, task.key)
    keys = list(paths)
    batches = [keys[i : i + task.batch_size] for i in range(0, len(keys), task.batch_size)]
    if task.part is not None:
        batches = _part(batches, *task.part)
        paths = {key: paths[key] for batch in batches for key in batch}
    recorded = Progress() if task.overwrite else Progress.read(journal)
    done = Progress() if task.overwrite else _earlier_results(task, files, journal, recorded)
    remaining = [[key for key in batch if key not in done] for batch in batches]
    plan = Plan(paths, done, [batch for batch in remaining if batch])
    if plan.batches and not len(recorded):
        journal.create(dict(settings=task.settings(), overwrite=task.overwrite))
    return plan


def _part(batches: Sequence[list[str]], index: int, count: int) -> list[list[str]]:
    if not 0 <= index < count:
        raise RunError(f'--part {index} {count}: expected 0 <= index < count')
    part = list(batches[index::count])
    if not part:
        raise RunError(
            f'--part {index} {count}: there are fewer batches than parts, and none for this part. '
            'Use fewer parts or a smaller --batch-size.'
        )
    return part


def _earlier_results(
    task: Task, files: ResultFiles, journal: Journal, recorded: Progress
) -> Progress:
    """Return the results of earlier runs, if this run may continue them."""
    settings = task.settings()
    done = Progress()
    keep_file = files.captions.is_file()
    # A journal without a single batch binds nobody: the model's name may have been mistyped.
    if len(recorded):
        run = journal.settings(dict(settings=dict, overwrite=bool))
        check_same_settings(settings, run['settings'], str(journal.folder))
        # The interrupted run was about to replace the file, or had just written it: a file
        # without provenance is its own result, because it stopped between the two.
        keep_file = keep_file and not run['overwrite'] and files.provenance.is_file()
    if keep_file:
        done.update(_finished(files, settings))
    done.update(recorded)
    return done


def _finished(files: ResultFiles, settings: dict) -> Progress:
    provenance = files.read_provenance()
    if provenance is None or not isinstance(provenance.get('settings'), dict):
        raise RunError(
            f'{files.captions} exists, but {files.provenance.name}, which describes how it was '
            'made, does not or has no settings. Name another --out, or replace the file with '
            '--overwrite.'
        )
    check_same_settings(settings, provenance['settings'], str(files.provenance))
    captions = read_caption_file(str(files.captions))
    return Progress({normalise(key): texts[0] for key, texts in captions.items()})
