"""What the tools of this folder have in common: options, what they print, how they write.

They check what upstream has no tool for, and write what is missing. Each counts what it finds,
compares that with the published numbers, names what is wrong with the way out, and ends with exit
code 1 if anything is. They need NumPy and Pillow at most, so that a check takes seconds.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from PIL import Image

Counts = Dict[str, Optional[int]]
"""Expected numbers by name; None where any number will do."""


class DatasetError(Exception):
    """Something without which the check cannot go on."""


class Report:
    """Prints what is found, and collects the problems for :meth:`conclude`.

    Args:
        title (str): What is checked; printed first.
        expected (Mapping[str, int | None]): Numbers that :meth:`count` compares with.
        show (int): How many names a problem lists.
    """

    def __init__(self, title: str, expected: Mapping[str, Optional[int]] = {}, show: int = 5):
        self.expected = expected
        self.show = show
        self.problems: List[str] = []
        print(title)

    def note(self, text: str) -> None:
        """Print a line that is not a problem."""
        print(f'  {text}')

    def count(self, name: str, found: int, way_out: str) -> None:
        """Print a number, and compare it with the one expected under its name.

        Args:
            name (str): What is counted, a key of ``expected``.
            found (int): The number.
            way_out (str): What to do if it is another.
        """
        expected = self.expected[name]
        wrong = expected is not None and found != expected
        self.note(f'{name}: {found:,}' + (f', expected {expected:,}' if wrong else ''))
        if wrong:
            self.problem(
                f'{name}: found {found:,}, expected {expected:,}. {way_out} If this is meant, say '
                f'--expected {name}={found}.'
            )

    def missing(self, what: str, names: Iterable[str], way_out: str) -> None:
        """Report names that should not be among those: nothing if there are none.

        Args:
            what (str): What they are, such as ``'images without a mask'``.
            names (Iterable[str]): Which ones.
            way_out (str): What to do.
        """
        names = list(names)
        if names:
            self.problem(f'{what} ({len(names):,}): {some(names, self.show)}. {way_out}')

    def problem(self, text: str) -> None:
        """Collect a problem."""
        self.problems.append(text)

    def conclude(self) -> bool:
        """Print the problems; returns whether there were none."""
        if not self.problems:
            self.note('complete')
            return True
        sys.stdout.flush()
        number = len(self.problems)
        print(f'{number} problem{"s" if number > 1 else ""}:', file=sys.stderr)
        for text in self.problems:
            print(f'  - {text}', file=sys.stderr)
        sys.stderr.flush()
        return False


def some(names: Sequence[str], show: int) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - show
    return ', '.join(names[:show]) + (f', and {more:,} more' if more > 0 else '')


def add_expected(parser: argparse.ArgumentParser, defaults: Mapping[str, int]) -> None:
    """Add ``--expected NAME=N``, which changes some of the numbers that are published.

    :func:`expected_counts` reads it.
    """
    published = ', '.join(f'{name}={number}' for name, number in defaults.items())
    parser.add_argument(
        '--expected',
        nargs='+',
        default=[],
        metavar='NAME=N',
        help=f'other numbers than published, for a part of the data; N may be `any` '
        f'(published: {published})',
    )
    parser.set_defaults(published=dict(defaults))


def expected_counts(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Counts:
    """The published numbers with the changes of ``--expected``."""
    counts: Counts = dict(args.published)
    for text in args.expected:
        name, _, number = text.partition('=')
        if name not in counts or not (number.isdecimal() or number == 'any'):
            parser.error(
                f'--expected {text}: expected NAME=N with N a number or `any`, and NAME one of '
                f'{", ".join(counts)}'
            )
        counts[name] = None if number == 'any' else int(number)
    return counts


def need_folder(root: Path, name: str, way_out: str) -> Path:
    """The folder ``root/name``.

    Args:
        root (Path): Folder of the dataset.
        name (str): Folder in it.
        way_out (str): What to do if it is not there.

    Raises:
        DatasetError: If it is not there; the message says where else it is.
    """
    if (root / name).is_dir():
        return root / name
    if not root.is_dir():
        raise DatasetError(f'{root} is no folder. {way_out}')
    # An archive unpacked in a folder of its own name.
    nested = sorted(str(folder)[: -len(name) - 1] for folder in root.glob(f'*/{name}'))
    hint = f' There is one in {nested[0]}.' if nested else ''
    raise DatasetError(f'{root} has no folder {name}.{hint} {way_out}')


def read_names(path: Path, report: Report, way_out: str) -> List[str]:
    """The names in a list file, one a line; repeated ones are a problem, and kept once.

    Raises:
        DatasetError: If there is no such file.
    """
    if not path.is_file():
        raise DatasetError(f'{path} is not there. {way_out}')
    names = path.read_text(encoding='utf-8').split()
    unique = list(dict.fromkeys(names))
    if len(unique) < len(names):
        seen = set()
        repeated = dict.fromkeys(name for name in names if name in seen or seen.add(name))
        report.missing(f'names repeated in {path}', repeated, 'Name each image once.')
    return unique


def stems(folder: Path, suffix: str) -> Dict[str, Path]:
    """Files of a folder by their names without the suffix."""
    names = (name for name in os.listdir(folder) if not name.startswith('.'))
    found = sorted(name[: -len(suffix)] for name in names if name.endswith(suffix))
    return {stem: folder / f'{stem}{suffix}' for stem in found}


def image_header(path: Path) -> Optional[Tuple[str, Tuple[int, int]]]:
    """Mode and (width, height) of an image file, or None if it cannot be read as one.

    Pixels are not decoded, so damage behind the header goes unnoticed.
    """
    try:
        with Image.open(path) as image:
            return image.mode, image.size
    except OSError:
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written, also when interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def run(main: Callable[[], bool]) -> None:
    """Run a tool as a program.

    The exit code is 1 if ``main`` returns False or cannot go on, and 130 after Ctrl-C.
    """
    try:
        complete = main()
    except DatasetError as error:
        sys.stdout.flush()
        sys.exit(str(error))
    except KeyboardInterrupt:
        print('\nInterrupted. What was written is whole; the same command does the rest.')
        sys.exit(130)
    sys.exit(0 if complete else 1)
