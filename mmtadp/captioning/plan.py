"""What a run has to do, and what an earlier one has done of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmtadp.captions.keys_of_images import assign_keys
from mmtadp.captions.write import ResultFiles
from mmtadp.utils.image_sources import find_images
from mmtadp.utils.resumable import RunError, check_same_settings

from .captioner import Decoding
from .image_loading import DEFAULT_MAX_PIXELS
from .journal import Journal, Progress

DEFAULT_BATCH_SIZE = 64


@dataclass(frozen=True)
class Task:
    """What is asked for.

    Attributes:
        source (str): Images; see :func:`~.image_sources.find_images`.
        out (str): The caption file.
        model (str): Hub id or folder.
        revision (str | None): Of a hub id.
        prompt (str | None): Text that goes with each image.
        decoding (Decoding): How captions are searched for.
        dtype (str): 'fp32', 'fp16', 'bf16' or 'int8'.
        key (str): Key policy: 'stem', 'filename' or 'relpath'.
        root (str | None): Folder that relative keys start from.
        splits (tuple[str, ...]): Datasets of a config.
        cfg_options (dict | None): Overrides of a config.
        part (tuple[int, int] | None): Index and count: caption only every count-th batch.
        batch_size (int): The largest to try.
        max_pixels (int): Larger images are skipped.
        workers (int): Processes that decode images.
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
        """What the captions depend on; a run that is continued must agree in it.

        Paths are those from the caption file, so that a tree of folders can be moved as a whole.
        """
        folder = os.path.dirname(os.path.abspath(self.out))
        return dict(
            model=os.path.relpath(self.model, folder) if os.path.isdir(self.model) else self.model,
            revision=self.revision,
            prompt=self.prompt,
            min_new_tokens=self.decoding.min_new_tokens,
            max_new_tokens=self.decoding.max_new_tokens,
            num_beams=self.decoding.num_beams,
            dtype=self.dtype,
            input=os.path.relpath(self.source, folder),
            root=None if self.root is None else os.path.relpath(self.root, folder),
            key=self.key,
            part=None if self.part is None else list(self.part),
        )


@dataclass
class Plan:
    """The images of a run and what remains to be done.

    Batches are cut from the whole list, whatever is done already and however many processes
    there are: an image is always captioned in the same company, so that the result is the same
    where a batch's composition has a say in the last digits.

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
        """Number of images that earlier runs have done."""
        return len(self.paths) - sum(map(len, self.batches))

    def batches_of(self, rank: int, count: int) -> list[list[str]]:
        """The batches of one of several processes."""
        return self.batches[rank::count]


def make_plan(task: Task, files: ResultFiles, journal: Journal) -> Plan:
    """Finds the images, and what an interrupted or a finished run has done of them.

    Args:
        task (Task): What is asked for.
        files (ResultFiles): Where it goes.
        journal (Journal): Of the same files; it is created if there is work and none exists.

    Returns:
        Plan: What remains.

    Raises:
        RunError: If an earlier run had other arguments.
        RunError: If images, keys or earlier results do not go together with the task.
    """
    paths = assign_keys(
        find_images(task.source, task.root, task.splits, task.cfg_options), task.key
    )
    batches = _cut(list(paths), task.batch_size)
    if task.part is not None:
        batches = _part(batches, task.part)
        paths = {key: paths[key] for batch in batches for key in batch}
    settings = task.settings()
    done = _earlier(task, files, journal, settings)
    remaining = [[key for key in batch if key not in done] for batch in batches]
    plan = Plan(paths, done, [batch for batch in remaining if batch])
    if plan.batches and (task.overwrite or not len(journal.read())):
        journal.create(dict(settings=settings, overwrite=task.overwrite))
    return plan


def _cut(keys: list[str], size: int) -> list[list[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def _part(batches: Sequence[list[str]], part: tuple[int, int]) -> list[list[str]]:
    index, count = part
    if not 0 <= index < count:
        raise RunError(f'--part {index} {count}: expected 0 <= index < count')
    batches = list(batches[index::count])
    if not batches:
        raise RunError(
            f'--part {index} {count}: there are fewer batches than parts, and none for this one. '
            'Use fewer parts or a smaller --batch-size.'
        )
    return batches


def _earlier(task: Task, files: ResultFiles, journal: Journal, settings: dict) -> Progress:
    """What earlier runs have done, if they may be continued."""
    journal.refuse_second_run()
    if task.overwrite:
        return Progress()
    done = Progress()
    begun, recorded = None, journal.read()
    # Without a single batch it does not bind anyone: the model's name may have been a slip.
    if len(recorded):
        begun = journal.settings()
        check_same_settings(settings, begun['settings'], str(journal.folder))
    # What a run was to overwrite does not concern it when it is continued, and a file without
    # provenance is its own result then: it stopped between the two.
    own = begun is not None and (begun['overwrite'] or not files.provenance.is_file())
    if files.captions.is_file() and not own:
        done.update(_finished(files, settings))
    done.update(recorded)
    return done


def _finished(files: ResultFiles, settings: dict) -> Progress:
    provenance = files.read_provenance()
    if provenance is None or 'settings' not in provenance:
        raise RunError(
            f'{files.captions} exists, and {files.provenance.name}, which would say how it was '
            'made, does not. Name another --out, or replace the file with --overwrite.'
        )
    check_same_settings(settings, provenance['settings'], str(files.provenance))
    from mmtadp.captions.formats import read_caption_file

    captions = read_caption_file(str(files.captions))
    return Progress({key: texts[0] for key, texts in captions.items()})
