"""The error that a user can fix, and the exit codes of tools."""

import sys
from collections.abc import Callable


class RunError(ValueError):
    """Arguments, files and earlier runs are inconsistent; the message describes the way out."""


def exit_code(run: Callable[[], int | None], continues: str = '') -> int:
    """Run a tool, print an error that the user can fix in one line, and return its exit code.

    Args:
        run (Callable): The tool; returns its exit code, or None for 0.
        continues (str): What continues the work after an error of the system or Ctrl-C, such as
            'The same command continues.'. Empty if nothing was saved.

    Returns:
        int: 0 done, 2 an error that the user can fix, 130 interrupted by Ctrl-C.
    """
    try:
        return run() or 0
    except RunError as error:
        message, code = f'error: {error}', 2
    except OSError as error:
        message, code = f'error: {describe_os_error(error)} {continues}', 2
    except KeyboardInterrupt:
        message, code = f'\nInterrupted. {continues}', 130
    print(message.rstrip(), file=sys.stderr)
    return code


def describe_os_error(error: OSError) -> str:
    """Return the file and the problem, as a sentence."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return f'{error.filename}: {error.strerror}.'
