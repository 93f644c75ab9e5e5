"""Signals and settings of runs that can be continued."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import RunError


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
