"""Write files that appear whole or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Replace a file: at any moment, the old or the new one is there as a whole.

    Args:
        path (Path): The file; its folder is made if necessary.
        write (Callable): Writes to its argument, a path with the same suffix.
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


def write_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """Replace a folder; the old one is removed when the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = (path.with_name(f'.{path.name}.{age}') for age in ('new', 'old'))
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        write(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if path.exists():
        os.replace(path, old)
    os.replace(new, path)
    shutil.rmtree(old, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _replacement(path: Path, name: str) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(name)
    try:
        yield new
        with open(new, 'rb+') as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(path.parent)
