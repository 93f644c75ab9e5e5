"""A captioning run: plan, caption, merge."""

import time
from typing import NamedTuple

from mmtadp.captions.write import ResultFiles, make_provenance
from mmtadp.utils.resumable import RunError

from .journal import Journal, Progress
from .local_engine import LocalEngine
from .plan import Plan, Task, make_plan
from .processes import Processes
from .progress import ProgressBar
from .ray_engine import RayEngine

_POLL_SECONDS = 0.2


class Summary(NamedTuple):
    """How a run went.

    Attributes:
        captions (int): Images with a caption.
        skipped (int): Images without.
        new (int): Images of both kinds that this run has done.
    """

    captions: int
    skipped: int
    new: int


def run_task(task: Task, engine: LocalEngine | RayEngine, processes: Processes) -> Summary | None:
    """Captions all images of a task that have no caption yet, and writes the result.

    Args:
        task (Task): What is asked for.
        engine (LocalEngine | RayEngine): What captions.
        processes (Processes): Those of the run; each one calls this.

    Returns:
        Summary | None: In the main process.

    Raises:
        RunError: If something is wrong that the user can put right.
    """
    files = ResultFiles(task.out)
    journal = Journal(files.journal)
    plan = _shared_plan(task, files, journal, processes)
    if plan.batches:
        _caption(task, plan, journal, engine, processes)
    if not processes.is_main:
        return None
    if plan.batches:
        plan.done.update(journal.read())
    captions, skipped = _sorted_out(plan, journal)
    if plan.batches or journal.folder.is_dir():
        provenance = make_provenance(
            task.settings(),
            commit=engine.commit,
            images=len(plan.paths),
            captions=len(captions),
            skipped=len(skipped),
            engine=engine.name,
            processes=engine.models,
            batch_size=engine.batch_size,
        )
        files.write(captions, provenance, skipped)
        journal.remove()
    return Summary(len(captions), len(skipped), len(plan.paths) - plan.num_done)


def _shared_plan(task: Task, files: ResultFiles, journal: Journal, processes: Processes) -> Plan:
    if not processes.is_main:
        return processes.receive()
    try:
        plan = make_plan(task, files, journal)
    except RunError as error:
        processes.send(error)
        raise
    processes.send(plan)
    return plan


def _caption(
    task: Task,
    plan: Plan,
    journal: Journal,
    engine: LocalEngine | RayEngine,
    processes: Processes,
) -> None:
    """Runs the engine; in the main process returns when all processes are through."""
    try:
        journal.open(processes.rank)
        engine.prepare(task, plan)
        with ProgressBar(len(plan.paths), plan.num_done, processes.is_main) as bar:

            def record(results: Progress) -> None:
                journal.append(results)
                for key, reason in results.skipped.items():
                    bar.say(f'skipped {plan.paths[key]}: {reason}')
                bar.show(processes.count_images(len(results)))

            engine.run(task, plan, record)
            processes.finish()
            while processes.is_main and not processes.all_finished():
                time.sleep(_POLL_SECONDS)
                bar.show(processes.count_images(0))
            if processes.is_main:
                bar.show(processes.count_images(0))
    finally:
        journal.close()


def _sorted_out(plan: Plan, journal: Journal) -> tuple[dict[str, str], dict[str, str]]:
    """Captions by key, and the reason why there is none by path.

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
