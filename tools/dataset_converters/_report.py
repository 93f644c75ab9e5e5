"""Options and printing that the tools of this folder share.

The tools check datasets that upstream has no tool for, and write missing files. Each counts the
files, compares the counts with the published numbers, and reports each problem with its solution.

Exit codes: 0 done, 1 problems, 2 an error that stops the check, 130 interrupted (Ctrl-C).
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser  # noqa: E402, F401  (for the tools)

Counts = dict[str, int | None]
"""Expected numbers by name; None if any number is right."""


class DatasetError(Exception):
    """Signal a problem that stops the check."""


class Report:
    """Prints counts, and collects problems for :meth:`conclude`.

    Args:
        title (str): Name of the dataset; printed first.
        expected (Mapping[str, int | None]): Numbers for :meth:`count`.
        show (int): Number of names that a problem lists.
    """

    def __init__(self, title: str, expected: Mapping[str, int | None] = {}, show: int = 5):
        self.expected = expected
        self.show = show
        self.problems: list[str] = []
        print(title)

    def note(self, text: str) -> None:
        """Print a line that is not a problem."""
        print(f'  {text}')

    def count(self, name: str, found: int, way_out: str) -> None:
        """Print a number, and compare it with the expected one.

        Args:
            name (str): What is counted, a key of ``expected``.
            found (int): The number.
            way_out (str): The solution if they differ.
        """
        expected = self.expected[name]
        wrong = expected is not None and found != expected
        self.note(f'{name}: {found:,}' + (f', expected {expected:,}' if wrong else ''))
        if wrong:
            self.problem(
                f'{name}: found {found:,}, expected {expected:,}. {way_out} If this is '
                f'intended, pass --expected {name}={found}.'
            )

    def missing(self, what: str, names: Iterable[str], way_out: str) -> None:
        """Report names as a problem, if there are any.

        Args:
            what (str): Their description, such as ``'images without a mask'``.
            names (Iterable[str]): The names.
            way_out (str): The solution.
        """
        names = list(names)
        if names:
            self.problem(f'{what} ({len(names):,}): {some(names, self.show)}. {way_out}')

    def problem(self, text: str) -> None:
        """Collect a problem."""
        self.problems.append(text)

    def conclude(self) -> bool:
        """Print the problems; return whether there were none."""
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
    """Return the first few names and the number of the others."""
    more = len(names) - show
    return ', '.join(names[:show]) + (f', and {more:,} more' if more > 0 else '')


def add_expected(parser: argparse.ArgumentParser, defaults: Mapping[str, int]) -> None:
    """Add ``--expected NAME=N``, which replaces published numbers.

    :func:`expected_counts` reads it.
    """
    published = ', '.join(f'{name}={number}' for name, number in defaults.items())
    parser.add_argument(
        '--expected',
        nargs='+',
        default=[],
        metavar='NAME=N',
        help=f'numbers for a part of the data, instead of the published ones; N may be `any` '
        f'(published: {published})',
    )
    parser.set_defaults(published=dict(defaults))


def expected_counts(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Counts:
    """Return the published numbers with the replacements of ``--expected``."""
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
    """Return the folder ``root/name``.

    Args:
        root (Path): Folder of the dataset.
        name (str): Folder in it.
        way_out (str): The solution if it is missing.

    Raises:
        DatasetError: If it is missing; the message names a folder that contains it.
    """
    if (root / name).is_dir():
        return root / name
    if not root.is_dir():
        raise DatasetError(f'{root} is not a folder. {way_out}')
    # An archive unpacked in a folder of its own name.
    nested = sorted(str(folder)[: -len(name) - 1] for folder in root.glob(f'*/{name}'))
    hint = f' There is one in {nested[0]}.' if nested else ''
    raise DatasetError(f'{root} has no folder {name}.{hint} {way_out}')


def read_names(path: Path, report: Report, way_out: str) -> list[str]:
    """Return the names in a list file, one per line.

    Repeated names are a problem and kept once. What is not the name of a file, such as ``../a``,
    is a problem and left out: it could lead out of the dataset.

    Raises:
        DatasetError: If the file is missing or is not text.
    """
    names = _words(path, way_out)
    wrong = [name for name in dict.fromkeys(names) if not _is_name(name)]
    report.missing(f'entries of {path} that are not names of files', wrong, 'Remove them.')
    names = [name for name in names if _is_name(name)]
    unique = list(dict.fromkeys(names))
    if len(unique) < len(names):
        seen = set()
        repeated = dict.fromkeys(name for name in names if name in seen or seen.add(name))
        report.missing(f'names repeated in {path}', repeated, 'Name each image once.')
    return unique


def _words(path: Path, way_out: str) -> list[str]:
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.text_files import read_text

    if not path.is_file():
        raise DatasetError(f'{path} is not there. {way_out}')
    try:
        return read_text(path).split()
    except RunError as error:
        raise DatasetError(str(error)) from error


def _is_name(name: str) -> bool:
    return name not in ('.', '..') and not set(name) & set('/\\:')


def stems(folder: Path, suffix: str) -> dict[str, Path]:
    """Return the files of a folder by their names without the suffix."""
    names = (name for name in os.listdir(folder) if not name.startswith('.'))
    found = sorted(name[: -len(suffix)] for name in names if name.endswith(suffix))
    return {stem: folder / f'{stem}{suffix}' for stem in found}


def image_header(path: Path) -> tuple[str, tuple[int, int]] | None:
    """Return mode and (width, height) of an image file, or None if it is not readable.

    Pixels are not decoded, so damage after the header goes unnoticed.
    """
    # Of others, such as pipes, opening may take for ever.
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.mode, image.size
    except Exception:  # readers of headers raise any error, a size that nobody reads included
        return None


def run(parser: argparse.ArgumentParser, check: Callable[[argparse.Namespace], bool]) -> None:
    """Run a tool as a program.

    The exit code is that of :func:`mmtadp.utils.errors.exit_code`, 1 if ``check`` returns False.

    Args:
        parser (ArgumentParser): The parser; ``--expected`` becomes a dict, see
            :data:`Counts`.
        check (Callable): The tool, given the arguments; returns whether it found no problem.
    """
    args = parser.parse_args()
    args.expected = expected_counts(parser, args)
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import RunError, exit_code

    def tool() -> int:
        try:
            return 0 if check(args) else 1
        except DatasetError as error:
            raise RunError(str(error)) from error

    sys.exit(exit_code(tool, 'All written files are complete; the same command continues.'))
