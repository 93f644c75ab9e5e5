"""The work directory of a training: its checkpoints, and the lock that keeps other runs out."""

from pathlib import Path

from .errors import RunError
from .folder_lock import FolderLock

LAST_CHECKPOINT = 'last_checkpoint'

# By resolved path. The operating system's lock belongs to the process, so that closing the file a
# second lock has opened would end the first one.
_held: dict[Path, FolderLock] = {}


def find_checkpoints(work_dir: str | Path) -> list[Path]:
    """Return the checkpoints in a work directory, sorted by name."""
    return sorted(Path(work_dir).glob('*.pth'))


def read_pointer(work_dir: str | Path) -> str | None:
    """Return the file name that ``last_checkpoint`` holds, or None if there is no such file.

    mmengine writes a path relative to the working directory of that run. Only its last part is
    returned, so that work directories can be moved. An empty or unreadable file gives ``''``.
    """
    pointer = Path(work_dir) / LAST_CHECKPOINT
    if not pointer.is_file():
        return None
    text = pointer.read_bytes().decode(errors='replace').strip()
    # A path of Windows as well: the work directory may have been moved here.
    return text.replace('\\', '/').rsplit('/', 1)[-1]


def last_checkpoint(work_dir: str | Path) -> Path | None:
    """Return the last checkpoint of a run, or None if there is none or its file is gone."""
    name = read_pointer(work_dir)
    checkpoint = Path(work_dir) / name if name and name.isprintable() else None
    return checkpoint if checkpoint is not None and checkpoint.exists() else None


def checkpoint_to_resume(work_dir: str | Path, asked_by: str = '--resume') -> Path:
    """Return the last checkpoint of a run.

    Args:
        work_dir (str | Path): The work directory.
        asked_by (str): What asked for it, for the message. Defaults to ``'--resume'``.

    Raises:
        RunError: If there is none; the message describes the work directory.
    """
    checkpoint = last_checkpoint(work_dir)
    if checkpoint is not None:
        return checkpoint
    found = sorted(find_checkpoints(work_dir), key=lambda path: path.stat().st_mtime)
    names = ', '.join(path.name for path in found) or 'none'
    name = read_pointer(work_dir)
    if name is None:
        problem = f'{work_dir} has no checkpoint that {LAST_CHECKPOINT} points to'
    elif not name or not name.isprintable():
        problem = f'{Path(work_dir) / LAST_CHECKPOINT} is empty or damaged'
    else:
        problem = f'{Path(work_dir) / LAST_CHECKPOINT} names {name!r}, which does not exist'
    way_out = (
        f'Name a checkpoint with --resume {found[-1]}, or set the right --work-dir.'
        if found
        else 'Start without resuming, or set the right --work-dir or --resume PATH.'
    )
    raise RunError(f'{asked_by}: {problem} (found: {names}). {way_out}')


def check_work_dir(work_dir: str | Path) -> None:
    """Check that a work directory can be one.

    Raises:
        RunError: If there is a file of that name, or a file where one of its parents should be.
    """
    path = Path(work_dir)
    for part in (path, *path.parents):
        if part.exists():
            if not part.is_dir():
                raise RunError(f'{part} is a file, so {path} cannot be the work directory.')
            return


def hold_work_dir(work_dir: str | Path) -> None:
    """Keep other trainings out of a work directory until :func:`release_work_dir` or the end.

    The folder is made if necessary. A second call of the same process changes nothing.

    Raises:
        FolderInUseError: If another process trains into the folder.
    """
    folder = Path(work_dir).resolve()
    if folder not in _held:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        lock.acquire()
        _held[folder] = lock


def release_work_dir(work_dir: str | Path) -> None:
    """Let other trainings use a work directory; without a lock, nothing changes."""
    lock = _held.pop(Path(work_dir).resolve(), None)
    if lock is not None:
        lock.release()
