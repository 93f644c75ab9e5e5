"""How a training that can be continued ends as a program."""

import sys
from collections.abc import Callable

from .errors import Interrupted, RunError


def exit_code(run: Callable[[], None], overwrite: bool) -> int:
    """Runs a training that can be continued; says what went wrong.

    Args:
        run (Callable): The training.
        overwrite (bool): Whether ``--overwrite`` was given, which its continuation must not have.

    Returns:
        int: 0 done, 2 an error that the user can put right, 128 + signal interrupted.
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
        print('\nInterrupted. The same command continues from what is saved.', file=sys.stderr)
        return 130
    return 0
