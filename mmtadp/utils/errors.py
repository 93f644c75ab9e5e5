"""The error that a user can fix, and the exit codes of tools."""

import errno
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_REASONS = {
    errno.EACCES: 'permission denied',
    errno.EISDIR: 'a folder is in the way',
    errno.ENAMETOOLONG: 'the name is too long',
    errno.ENOENT: 'there is no such file or folder',
    errno.ENOSPC: 'the disk is full',
    errno.ENOTEMPTY: 'another folder is in the way',
    errno.EPERM: 'the system does not permit it',
    errno.EROFS: 'the file system is read-only',
}
# The same command fails again, whatever is done about the system.
_USELESS_TO_REPEAT = (None, errno.ENAMETOOLONG, errno.ENOENT)


class RunError(ValueError):
    """Arguments, files and earlier runs are inconsistent; the message describes the way out."""


class Interrupted(Exception):  # noqa: N818 - like KeyboardInterrupt, not an error
    """A run was asked to stop and has saved its state.

    Attributes:
        step (int): Optimiser steps done.
        signal (int): The signal that asked for it.
    """

    def __init__(self, step: int, signal: int) -> None:
        super().__init__(step, signal)
        self.step, self.signal = step, signal


def same_command(overwrite: bool = False) -> str:
    """Return the sentence for the argument ``continues`` of :func:`exit_code`.

    Args:
        overwrite (bool): Whether ``--overwrite`` was given, which the continuation must not have.
    """
    return f'The same command{" without --overwrite" if overwrite else ""} continues.'


def exit_code(run: Callable[[], int | None], continues: str = '') -> int:
    """Run a tool, print an error that the user can fix in one line, and return its exit code.

    The traceback of any other error is Python's, as is its exit code, 1.

    Args:
        run (Callable): The tool; returns its exit code, or None for 0.
        continues (str): What continues the work after an error of the system or a signal; see
            :func:`same_command`. Empty if nothing was saved.

    Returns:
        int: 0 done, 1 a check found problems, 2 an error that the user can fix, 128 + signal
        interrupted.
    """
    # Names of files may hold bytes that are not UTF-8.
    if hasattr(sys.stdout, 'reconfigure'):
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        return run() or 0
    except RunError as error:
        message, code = f'error: {error_text(error)}', 2
    except OSError as error:
        way_out = '' if error.errno in _USELESS_TO_REPEAT else continues
        message, code = f'error: {describe_os_error(error)} {way_out}', 2
    except Interrupted as interrupted:
        saved = f'after step {interrupted.step:,}, which is saved'
        message, code = f'\nInterrupted {saved}. {continues}', 128 + interrupted.signal
    except KeyboardInterrupt:
        message, code = f'\nInterrupted. {continues}', 130
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        detail = f' ({str(error).splitlines()[0]})' if str(error) else ''
        message = f'error: out of memory{detail}. Use smaller batches or images. {continues}'
        code = 2
    with suppress(OSError):  # of a pipe that nobody reads any more
        sys.stdout.flush()
    print(message.rstrip(), file=sys.stderr)
    return code


def error_text(error: Exception) -> str:
    """Return the message of an error; of one in a dataloader's worker, without its traceback.

    torch raises such an error again, with the worker's traceback as its message.
    """
    text = str(error)
    if not text.startswith('Caught ') or 'Original Traceback' not in text:
        return text
    return text.rpartition(f'{type(error).__name__}: ')[2].strip()


def describe_os_error(error: OSError) -> str:
    """Return the file and the problem, as a sentence."""
    if error.strerror is None:
        return error_text(error)
    reason = _REASONS.get(error.errno, error.strerror)
    # Of two names, the second is the target.
    name = error.filename if error.filename2 is None else error.filename2
    if name is None:
        return f'{reason}.'
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        path = Path(str(name))
        files = [part for part in (path, *path.parents) if part.is_file()]
        if files:
            reason = f'{files[0]} is a file, not a folder'
    return f'{name}: {reason}.'


def _is_out_of_memory(error: Exception) -> bool:
    torch = sys.modules.get('torch')
    if isinstance(error, MemoryError):
        return True
    if torch is None or not isinstance(error, RuntimeError):
        return False
    if isinstance(error, torch.OutOfMemoryError):
        return True
    # torch has no class of its own for the memory of a CPU.
    texts = ("can't allocate memory", 'Storage size calculation overflowed')
    return any(text in str(error) for text in texts)
