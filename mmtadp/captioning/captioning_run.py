"""Run a captioning task: plan, caption, write the caption file."""

import sys
import time
from contextlib import closing
from dataclasses import asdict
from typing import NamedTuple

from tqdm import tqdm

from mmtadp.captions import ResultFiles
from mmtadp.captions.formats import Entry
from mmtadp.captions.write import make_provenance
from mmtadp.utils.errors import RunError

from .image_loading import wrap_worker_errors
from .journal import Journal
from .local_engine import Engine
from .processes import Processes
from .task import Plan, Progress, Task, make_plan

_POLL_SECONDS = 0.2
# In a log file, each update of the progress bar is a line.
_BAR_SECONDS_TERMINAL, _BAR_SECONDS_FILE = 0.5, 30


class CaptioningSummary(NamedTuple):
    """Counts of a captioning run.

    Attributes:
        captions (int): Images with a caption.
        skipped (int): Images without.
        new (int): Images of both kinds that this run has done.
    """

    captions: int
    skipped: int
    new: int


def run_task(task: Task, engine: Engine, processes: Processes) -> CaptioningSummary | None:
    """Caption all images of a task that have no caption yet, and write the caption file.

    Each process of the run calls this.

    Args:
        task (Task): The arguments of the run.
        engine (Engine): Captions the batches.
        processes (Processes): The processes of the run.

    Returns:
        CaptioningSummary | None: The counts in the main process, None in the others.

    Raises:
        RunError: If the user can correct the problem; the message describes how.
    """
    files = ResultFiles(task.out)
    journal = Journal(files.journal)
    try:
        plan = processes.broadcast(lambda: make_plan(task, files, journal))
        if plan.batches:
            _caption(task, plan, journal, engine, processes)
        if not processes.is_main:
            return None
        if plan.batches:
            plan.done.update(Progress.read(journal))
        captions, skipped = _split_results(plan, journal)
        if plan.batches or journal.folder.is_dir():
            provenance = make_provenance(
                task.settings(),
                images=len(plan.paths),
                captions=len(captions),
                skipped=len(skipped),
                **engine.provenance(),
            )
            entries = {key: Entry((caption,)) for key, caption in captions.items()}
            files.write(entries, provenance, skipped)
            journal.remove()
        return CaptioningSummary(len(captions), len(skipped), len(plan.paths) - plan.num_done)
    finally:
        journal.unclaim()


def _caption(
    task: Task, plan: Plan, journal: Journal, engine: Engine, processes: Processes
) -> None:
    """Run the engine and record its results; the main process returns after all others."""
    with closing(journal), _progress_bar(plan, processes) as bar:
        journal.open(processes.rank)
        engine.prepare(task, plan)

        def show(new_images: int) -> None:
            bar.update(plan.num_done + processes.count_images(new_images) - bar.n)

        # The death of a worker is raised wherever this process is, in the engine or not.
        with wrap_worker_errors(), closing(engine.run(task, plan)) as batches:
            for results in batches:
                journal.append(asdict(results))
                for key, reason in results.skipped.items():
                    tqdm.write(f'skipped {plan.paths[key]}: {reason}', file=sys.stderr)
                show(len(results))
        # From here on, the store may end with the main process.
        processes.finish()
        if processes.is_main:
            while not processes.all_finished():
                time.sleep(_POLL_SECONDS)
                show(0)
            show(0)


def _progress_bar(plan: Plan, processes: Processes) -> tqdm:
    return tqdm(
        total=len(plan.paths),
        initial=plan.num_done,
        unit='image',
        desc='captioning',
        dynamic_ncols=True,
        disable=not processes.is_main,
        mininterval=_BAR_SECONDS_TERMINAL if sys.stderr.isatty() else _BAR_SECONDS_FILE,
    )


def _split_results(plan: Plan, journal: Journal) -> tuple[dict[str, str], dict[str, str]]:
    """Return the captions by key, and the reasons of skipped images by path.

    Raises:
        RunError: If an image has neither, or none has a caption.
    """
    done = plan.done
    lost = [key for key in plan.paths if key not in done]
    if lost:
        raise RunError(
            f'{len(lost):,} of {len(plan.paths):,} images, such as {plan.paths[lost[0]]}, are not '
            f'in {journal.folder}: is the folder on a file system that all processes share? Start '
            'again to continue.'
        )
    captions = {key: done.captions[key] for key in plan.paths if key in done.captions}
    skipped = {path: done.skipped[key] for key, path in plan.paths.items() if key not in captions}
    if not captions:
        path, reason = next(iter(skipped.items()))
        journal.remove()
        raise RunError(
            f'none of {len(skipped):,} images has a caption. The first is {path}: {reason}.'
        )
    return captions, skipped
