"""Tell by its first bytes what a file is, before a parser sees it."""

import json
import os
import pickletools
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SAFETENSORS = 'safetensors'
TORCH_ZIP = 'zip archive of torch.save'
TORCH_LEGACY = 'legacy file of torch.save'

AGAIN = 'Download or copy it again'
_UNPACK = 'Unpack it and give the file inside'
_WEIGHTS = 'Expected a .safetensors file or one of torch.save'
# The pickled magic number with which torch.save began its files before it wrote zip archives.
_TORCH_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
_HEAD = 512
_MAX_HEADER = 100_000_000

# First bytes of files that are taken for weights: what they are, and the way out.
_SIGNATURES = (
    (b'\x89PNG', 'a PNG image', _WEIGHTS),
    (b'\xff\xd8\xff', 'a JPEG image', _WEIGHTS),
    (b'GIF8', 'a GIF image', _WEIGHTS),
    (b'BM', 'a BMP image', _WEIGHTS),
    (b'II*\0', 'a TIFF image', _WEIGHTS),
    (b'MM\0*', 'a TIFF image', _WEIGHTS),
    (b'%PDF', 'a PDF document', _WEIGHTS),
    (b'\x1f\x8b', 'a gzip archive', _UNPACK),
    (b'BZh', 'a bzip2 archive', _UNPACK),
    (b'\xfd7zXZ', 'an xz archive', _UNPACK),
    (b'7z\xbc\xaf', 'a 7-Zip archive', _UNPACK),
    (b'Rar!', 'a RAR archive', _UNPACK),
    (b'(\xb5/\xfd', 'a zstd archive', _UNPACK),
    (b'\x89HDF', 'an HDF5 file, as Keras writes it', _WEIGHTS),
    (b'GGUF', 'a GGUF file of llama.cpp', _WEIGHTS),
    (b'\x93NUMPY', 'a NumPy array', _WEIGHTS),
    (b'\x7fELF', 'a program', _WEIGHTS),
)


@dataclass(frozen=True)
class Problem:
    """The reason why a file holds no tensors.

    Attributes:
        what (str): What the file is, as in 'is a web page'.
        remedy (str): The way out, without a full stop.
    """

    what: str
    remedy: str = AGAIN


def tensor_format(path: Path) -> str | Problem:
    """Return the format of a file of tensors, by its content; its suffix does not matter.

    Args:
        path (Path): The file.

    Returns:
        str | Problem: :data:`SAFETENSORS`, :data:`TORCH_ZIP` or :data:`TORCH_LEGACY`, or what the
        file is instead.

    Raises:
        OSError: If it cannot be opened, or does not exist.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        return Problem('is a folder, not a file', 'Give the file in it')
    if not stat.S_ISREG(status.st_mode):
        return Problem('is not a regular file', 'Give a file on a disk')
    if status.st_size == 0:
        return Problem('is empty (0 bytes)')
    with open(path, 'rb') as file:
        return _format(file, status.st_size, Path(path).suffix.lower())


def _format(file: BinaryIO, size: int, suffix: str) -> str | Problem:
    head = file.read(_HEAD)
    if head[8:9] == b'{' and int.from_bytes(head[:8], 'little') <= _MAX_HEADER:
        return _check_safetensors(file, size)
    if head.startswith(b'PK\x03\x04'):
        return _check_zip(file, size)
    if head.startswith(_TORCH_MAGIC):
        return TORCH_LEGACY
    if re.match(rb'\x80[\x02-\x05]|c[\w.]+\n[\w.]+\n', head):
        file.seek(0)
        names = _globals(file)
        held = f' that holds {", ".join(names[:5])}' if names else ''
        return Problem(f'is a pickle{held}, not a file of torch.save', _WEIGHTS)
    if not head.strip(b'\0'):
        return Problem(f'begins with {len(head)} zero bytes: it was not written to its end')
    if head[257:262] == b'ustar':
        return Problem('is a tar archive', _UNPACK)
    if head.startswith(b'RIFF') and head[8:12] == b'WEBP':
        return Problem('is a WebP image', _WEIGHTS)
    problem = describe_text(head, size)
    if problem is not None:
        return problem
    for start, what, remedy in _SIGNATURES:
        if head.startswith(start):
            return Problem(f'is {what}, not weights', remedy)
    if suffix == '.safetensors' and size < _HEAD:
        return Problem(f'is truncated: it ends after {size} bytes')
    return Problem(
        f'is neither a .safetensors file nor one of torch.save: it begins with {head[:8]!r}',
        f'Is it complete? {AGAIN}',
    )


def describe_text(head: bytes, size: int) -> Problem | None:
    """Return what a text file in the place of another one is; None if it is not text.

    Args:
        head (bytes): Its first bytes.
        size (int): Its size in bytes.
    """
    text = _decode(head)
    if text is None:
        return None
    start = text.lstrip().lower()
    if start.startswith('version https://git-lfs'):
        found = re.search(r'size (\d+)', text)
        stands = f' of {int(found[1]):,} bytes' if found else ''
        return Problem(
            f'is a Git LFS pointer ({size} bytes), not the file{stands} itself',
            'Run `git lfs pull` in its folder, or download the file again',
        )
    if re.match(r'<!doctype html|<html|<head|<!-- *html', start):
        return Problem(
            'is a web page (HTML), not the file itself',
            'Download the file again, by the link that starts the download (on the hub: '
            '/resolve/, not /blob/)',
        )
    quoted = repr(' '.join(text.split())[:60])
    if start.startswith('<'):
        return Problem(f'is XML text, not weights: {quoted}')
    if start.startswith(('{', '[')):
        return Problem(f'is JSON text, not weights: {quoted}')
    return Problem(f'is text, not weights: {quoted}')


def _decode(head: bytes) -> str | None:
    wide = head.startswith((b'\xff\xfe', b'\xfe\xff'))
    for cut in range(4):  # the last character may be cut
        try:
            text = head[: len(head) - cut].decode('utf-16' if wide else 'utf-8-sig')
        except UnicodeDecodeError:
            continue
        text = text.lstrip('\ufeff')
        return text if all(c.isprintable() or c.isspace() for c in text) else None
    return None


def _check_safetensors(file: BinaryIO, size: int) -> str | Problem:
    file.seek(0)
    length = int.from_bytes(file.read(8), 'little')
    header = file.read(length)
    if len(header) < length:
        return Problem(f'is truncated: its header alone has {length:,} bytes, the file {size:,}')
    try:
        entries = json.loads(header)
        ends = [e['data_offsets'][1] for key, e in entries.items() if key != '__metadata__']
        expected = 8 + length + max(ends, default=0)
        if size < expected:
            return Problem(f'is truncated: it has {size:,} of {expected:,} bytes')
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return Problem('has a damaged header')
    if size > expected:
        return Problem(f'is damaged: it has {size:,} bytes, its header describes {expected:,}')
    return SAFETENSORS


def _check_zip(file: BinaryIO, size: int) -> str | Problem:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Problem(f'is truncated: the end of its {size:,} bytes lacks the table of contents')
    ends = {name.rpartition('/')[2] for name in names}
    if 'constants.pkl' in ends:
        return Problem(
            'is a TorchScript program, not weights', 'Save its state_dict by torch.save'
        )
    if 'data.pkl' in ends:
        return TORCH_ZIP
    return Problem(f'is a zip archive of other files ({", ".join(names[:3])})', _UNPACK)


def pickle_globals(path: Path) -> list[str]:
    """Return the functions and classes that a file of torch.save names, torch's own left out.

    Nothing is executed.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(n for n in archive.namelist() if n.rpartition('/')[2] == 'data.pkl')
                with archive.open(name) as file:
                    return _globals(file)
        with open(path, 'rb') as file:
            return _globals(file)
    except (OSError, zipfile.BadZipFile, StopIteration, NotImplementedError, EOFError):
        return []


def _globals(file) -> list[str]:
    names: dict[str, None] = {}
    try:
        # A legacy file is several pickles, and then data.
        while file.peek(1) if hasattr(file, 'peek') else True:
            _collect_globals(file, names)
    except Exception:  # not a pickle any more, and a broken one can fail in many ways
        pass
    return [
        name for name in names if not name.startswith('torch.') and name not in _PLAIN_CONTAINERS
    ]


_PLAIN_CONTAINERS = ('collections.OrderedDict',)


def _collect_globals(file, names: dict[str, None]) -> None:
    strings: list[str] = []
    memo: dict[int, str] = {}
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ('GLOBAL', 'INST'):
            names[argument.replace(' ', '.')] = None
        elif operation.name == 'STACK_GLOBAL':
            names['.'.join(strings[-2:])] = None
        elif operation.name == 'MEMOIZE':
            memo[len(memo)] = strings[-1] if strings else ''
        elif 'PUT' in operation.name:
            memo[argument] = strings[-1] if strings else ''
        elif 'GET' in operation.name:
            strings.append(memo.get(argument, ''))
        elif isinstance(argument, str):
            strings.append(argument)
