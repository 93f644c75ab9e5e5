"""Read text files that people write: one entry per line."""

from os import PathLike
from pathlib import Path

from .errors import RunError


def read_text(path: str | PathLike) -> str:
    """Return the text of a UTF-8 file, whose byte order mark and CR line breaks are removed.

    Raises:
        RunError: If the file is a folder, or not UTF-8 text.
        OSError: If it cannot be opened.
    """
    if Path(path).is_dir():
        raise RunError(f'{path} is a folder; expected a text file.')
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise RunError(
            f'{path} is not UTF-8 text at byte {error.start}. Save it as UTF-8.'
        ) from error
    if '\0' in text:
        raise RunError(f'{path} is not text: it holds a zero byte. Save it as UTF-8 text.')
    return text


def read_lines(path: str | PathLike) -> list[str]:
    """Return the lines of a UTF-8 text file, without outer spaces; empty ones are left out.

    Editors of Windows begin a file with a byte order mark and end its lines by CR and LF.

    Args:
        path (str | PathLike): The file.

    Returns:
        list[str]: Its lines, in order.

    Raises:
        RunError: See :func:`read_text`.
        OSError: If it cannot be opened.
    """
    return [line for line in map(str.strip, read_text(path).split('\n')) if line]
