"""Runs the tools of tools/dataset_converters in this process, on tiny layouts."""

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image


class Result(NamedTuple):
    """What a tool ended with and printed."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def forget_report() -> Iterator[None]:
    """The tools' common module has a name that others may have, too."""
    yield
    sys.modules.pop('report', None)


@pytest.fixture
def converter(repository: Path, tmp_path: Path, monkeypatch, capsys) -> Callable[..., Result]:
    """Runs a tool by its name, with arguments, in the folder ``tmp_path``."""

    def run(name: str, *args) -> Result:
        folder = repository / 'tools' / 'dataset_converters'
        script = str(folder / f'{name}.py')
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            # As for a program: the folder of the script comes first.
            patch.syspath_prepend(str(folder))
            patch.setattr(sys, 'argv', [script, *map(str, args)])
            with pytest.raises(SystemExit) as info:
                runpy.run_path(script, run_name='__main__')
        printed = capsys.readouterr()
        # A text as exit code is what the interpreter prints, and ends with 1 for.
        text = isinstance(info.value.code, str)
        err = printed.err + (info.value.code + '\n' if text else '')
        return Result(1 if text else info.value.code, printed.out, err)

    return run


def write_image(path: Path, size=(8, 6), mode: str = 'L', value: int = 0) -> None:
    """An image of one colour; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new(mode, size, value if mode in ('L', 'P') else (value,) * 3)
    if mode == 'P':
        image.putpalette([level for grey in range(256) for level in (grey,) * 3])
    image.save(path)


def read_mask(path: Path) -> np.ndarray:
    """Pixel values of an 8-bit image."""
    return np.array(Image.open(path))


def snapshot(folder: Path) -> dict:
    """Content and time of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob('*')
        if path.is_file()
    }
