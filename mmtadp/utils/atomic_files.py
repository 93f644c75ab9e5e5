"""Write files that appear whole or not at all, and read the JSON of earlier runs."""

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import RunError

# The temporary names of `write_file` and `write_bytes`.
_LEFTOVER = re.compile(r'\..*\.[0-9a-f]{8}(\.[^.]*)?')
_KINDS = {
    bool: 'true or false',
    dict: 'an object',
    float: 'a number',
    int: 'a whole number',
    list: 'a list',
    str: 'text',
}


class DamagedFileError(RunError):
    """A file that an earlier run wrote is missing, or holds something else than it wrote."""


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Replace a file: at any moment, the old or the new one is there as a whole.

    Args:
        path (Path): The file; its folder is made if necessary.
        write (Callable): Writes to its argument, a path with the same suffix.

    Raises:
        OSError: If it cannot be written; ``filename`` is ``path``. Libraries that report a full
            disk in their own way end with it, too.
    """
    with _replacement(path, f'.{path.stem}.{secrets.token_hex(4)}{path.suffix}') as new:
        write(new)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes as :func:`write_file` does; a kill leaves no file with the same suffix."""
    with _replacement(path, f'.{path.name}.{secrets.token_hex(4)}.tmp') as new:
        new.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write text as :func:`write_bytes` does, in UTF-8 and with the line breaks of ``text``."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON as :func:`write_text` does."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + '\n')


def read_text(path: Path, advice: str) -> str:
    """Return the text of a file that an earlier run wrote, without a byte order mark.

    Args:
        path (Path): The file.
        advice (str): The way out if it cannot be read, a sentence.

    Raises:
        DamagedFileError: If it is missing or is not UTF-8.
        OSError: If it cannot be opened.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise DamagedFileError(f'{path} is missing. {advice}') from None
    except UnicodeDecodeError as error:
        raise DamagedFileError(f'{path} is damaged: it is not UTF-8 ({error}). {advice}') from None


def read_json(path: Path, advice: str, entries: Mapping[str, type] = {}) -> dict[str, Any]:
    """Return the object in a JSON file that an earlier run wrote.

    Args:
        path (Path): The file.
        advice (str): The way out if it cannot be read, a sentence, such as 'Start again with
            --overwrite.'
        entries (Mapping[str, type]): Entries that must be there, with the types of their values:
            bool, dict, float (any number), int, list, str, or object for any.

    Raises:
        DamagedFileError: If it is missing, is not JSON, is not an object, or lacks an entry.
        OSError: If it cannot be opened.
    """
    try:
        content = json.loads(read_text(path, advice))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DamagedFileError):
            raise
        raise DamagedFileError(f'{path} is damaged: not JSON ({error}). {advice}') from error
    check_entries(content, entries, str(path), advice)
    return content


def check_entries(content: Any, entries: Mapping[str, type], where: str, advice: str) -> None:
    """Check that JSON or a checkpoint of an earlier run holds what a reader takes from it.

    Args:
        content (Any): The content.
        entries (Mapping[str, type]): See :func:`read_json`.
        where (str): The file, and the line if it has several, for messages.
        advice (str): See :func:`read_json`.

    Raises:
        DamagedFileError: If it is not a dict, lacks an entry, or one has another type.
    """
    if not isinstance(content, dict):
        found = type(content).__name__
        raise DamagedFileError(f'{where} is damaged: it holds a {found}, not an object. {advice}')
    for name, kind in entries.items():
        if name not in content:
            raise DamagedFileError(f'{where} is damaged: it has no entry {name!r}. {advice}')
        value = content[name]
        kinds = (int, float) if kind is float else kind
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind in (int, float)):
            raise DamagedFileError(
                f'{where} is damaged: {name!r} is {value!r:.60}, not '
                f'{_KINDS.get(kind, kind.__name__)}. {advice}'
            )


def write_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """Replace a folder; the old one is removed when the new one is complete.

    The names of the folder in the making and of the old one are fixed, so that the next call
    removes what a kill has left. Only one process may write a folder: see
    :class:`.folder_lock.FolderLock`.

    Args:
        path (Path): The folder; the folder above it is made if necessary.
        write (Callable): Makes its argument, a folder.

    Raises:
        OSError: As of :func:`write_file`.
    """
    new, old = (path.with_name(f'.{path.name}.{age}') for age in ('new', 'old'))
    try:
        with _errors_name(path, new):
            path.parent.mkdir(parents=True, exist_ok=True)
            _restore(path, old)
            for folder in (new, old):
                shutil.rmtree(folder, ignore_errors=True)
            write(new)
            if path.exists():
                os.replace(path, old)
            os.replace(new, path)
    finally:
        _restore(path, old)
        for folder in (new, old):
            shutil.rmtree(folder, ignore_errors=True)


def _restore(path: Path, old: Path) -> None:
    """Undo the first of two renames, between which a kill or an error came."""
    if old.is_dir() and not path.exists():
        os.replace(old, path)


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files that killed calls of these functions have left in a folder.

    Only the holder of the folder's :class:`.folder_lock.FolderLock` may do so.
    """
    for path in folder.glob('.*'):
        if _LEFTOVER.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut; without effect on Windows."""
    if os.name == 'nt':
        return  # Windows opens no folders, and NTFS keeps a journal of names.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _replacement(path: Path, name: str) -> Iterator[Path]:
    new = path.with_name(name)
    try:
        with _errors_name(path, new):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield new
            with open(new, 'rb+') as file:
                os.fsync(file.fileno())
            os.replace(new, path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):
            new.unlink()


@contextmanager
def _errors_name(path: Path, new: Path) -> Iterator[None]:
    """Make errors of the system name ``path``, the target, not ``new``, the temporary name."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            named = None if error.filename is None else Path(os.fsdecode(error.filename))
            if named is None or new in (named, *named.parents) or named in path.parents:
                error.filename, error.filename2 = str(path), None
            raise
        # NumPy, torch and safetensors have errors of their own for a full disk.
        problem = _write_problem(path.parent, error)
        if problem is None:
            raise
        problem.filename = str(path)
        raise problem from error


def _write_problem(folder: Path, error: Exception) -> OSError | None:
    """Return the error of the system that a library's error comes from, if there is one."""
    if os.strerror(errno.ENOSPC) in str(error):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    probe = folder / f'.{secrets.token_hex(4)}.tmp'
    try:
        probe.write_bytes(bytes(2**20))
    except OSError as problem:
        return problem
    finally:
        with suppress(OSError):
            probe.unlink()
    return None
