"""The loop of a training that can be stopped at any step and continued."""

import math
import signal
import sys
from collections.abc import Callable

from tqdm import tqdm

from ..errors import Interrupted, RunError
from .interruption import defer_signals


def run_steps(
    step: Callable[[int], dict[str, float]],
    save: Callable[[int], None],
    first: int,
    steps: int,
    checkpoint_every: int,
    description: str,
    after: Callable[[int], None] = lambda done: None,
    any_process: Callable[[bool], bool] = bool,
    show_progress: bool = True,
) -> None:
    """Run the remaining steps of a training, with progress, checkpoints and deferred signals.

    Args:
        step (Callable): Does the step of this number, from 0, and returns losses to display, if
            there are new ones.
        save (Callable): Writes a checkpoint; takes the number of steps that are done.
        first (int): Steps that an earlier run has done.
        steps (int): Steps in all.
        checkpoint_every (int): Steps between checkpoints. The last step is saved in any case.
        description (str): Label of the progress bar.
        after (Callable): Called after each step and its checkpoint with the steps that are done,
            such as for validation.
        any_process (Callable): Whether any process of a distributed run was asked to stop, given
            whether this one was.
        show_progress (bool): False in all processes but the main one.

    Raises:
        Interrupted: If SIGINT or SIGTERM asked the run to stop, after a checkpoint is written.
    """
    progress = tqdm(
        total=steps,
        initial=min(first, steps),
        desc=description,
        unit='step',
        dynamic_ncols=True,
        disable=not show_progress,
        mininterval=0.5 if sys.stderr.isatty() else 30,
    )
    with progress, defer_signals() as asked:
        for done in range(first + 1, steps + 1):
            losses = step(done - 1)
            if losses:
                shown = {name: f'{value:.4f}' for name, value in losses.items()}
                progress.set_postfix(shown, refresh=False)
            progress.update()
            stop = any_process(bool(asked))
            if stop or done % checkpoint_every == 0 or done == steps:
                save(done)
            if stop:
                raise Interrupted(done, asked[0] if asked else signal.SIGTERM)
            after(done)


def check_finite(losses: dict[str, float], step: int, advice: str) -> None:
    """Refuse losses that are NaN or infinite.

    Args:
        losses (dict[str, float]): Losses by name.
        step (int): Steps done, for messages.
        advice (str): The way out, for messages.

    Raises:
        RunError: If there is one.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            raise RunError(
                f'{name} is {value} at step {step}: the training diverged. {advice} Start again '
                'with --overwrite.'
            )
