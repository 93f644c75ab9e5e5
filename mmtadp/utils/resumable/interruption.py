"""Errors, signals and exit codes of runs that can be continued."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmtadp.utils.errors import RunError


class Interrupted(Exception):  # noqa: N818 - like KeyboardInterrupt, not an error
    """A run was asked to stop and has saved its state.

    Attributes:
        step (int): Optimiser steps done.
        signal (int): The signal that asked for it.
    """

    def __init__(self, step: int, signal: int) -> None:
        super().__init__(step, signal)
        self.step, self.signal = step, signal


@contextmanager
def defer_signals() -> Iterator[list[int]]:
    """Defer SIGINT and SIGTERM until the step ends; a second signal stops at once.

    Yields:
        list[int]: The signals so far.
    """
    asked: list[int] = []

    def note(number: int, _) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def check_same_settings(settings: dict, earlier: dict, where: str) -> None:
    """Check that a run can be continued with these settings.

    Args:
        settings (dict): Settings of this run.
        earlier (dict): Settings of the run that is to be continued.
        where (str): The file that holds the latter.

    Raises:
        RunError: If they differ.
    """
    # Through JSON, which turns tuples into lists.
    settings = json.loads(json.dumps(settings))
    names = [*settings, *(name for name in earlier if name not in settings)]
    differences = [
        f'{name} was {earlier.get(name)!r} and is {settings.get(name)!r}'
        for name in names
        if earlier.get(name) != settings.get(name)
    ]
    if differences:
        raise RunError(
            f'{where} belongs to a run with other arguments: {"; ".join(differences)}. Give the '
            'same ones to continue it, choose another --out, or start again with --overwrite.'
        )


def exit_code(run: Callable[[], None], overwrite: bool) -> int:
    """Run a training that can be continued, print its error, and return its exit code.

    Args:
        run (Callable): The training.
        overwrite (bool): Whether ``--overwrite`` was given, which its continuation must not have.

    Returns:
        int: 0 done, 2 user error, 128 + signal interrupted.
    """
    try:
        run()
    except RunError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        without = ' without --overwrite' if overwrite else ''
        print(
            f'\nInterrupted after step {interrupted.step:,}, which is saved. The same command'
            f'{without} continues.',
            file=sys.stderr,
        )
        return 128 + interrupted.signal
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues from the saved state.', file=sys.stderr)
        return 130
    return 0
