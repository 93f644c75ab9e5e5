"""Arguments that tools share, their types, and the parser; without heavy imports.

``--help`` and wrong arguments must not wait for torch.
"""

import argparse
import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_MOST = 2**31 - 1
Kind = Callable[[str], Any]
"""The ``type`` of an argument."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors offer the option or choice that is spelt most like a wrong one."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """Return the arguments; exit with 2 if there are others."""
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            names = [name for action in self._actions for name in action.option_strings]
            hints = ''.join(_closest(word.partition('=')[0], names, 0.7) for word in unknown)
            self.error(f'unrecognized arguments: {" ".join(unknown)}.{hints}')
        return namespace

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += f'.{_closest(value, action.choices, 0.5)}'
            raise


def _closest(value: Any, names: Iterable[Any], cutoff: float) -> str:
    close = difflib.get_close_matches(str(value), list(map(str, names)), n=1, cutoff=cutoff)
    return f' Did you mean {close[0]}?' if close else ''


def whole_number(least: int, most: int | None = None) -> Kind:
    """Return the type of whole numbers from ``least`` to ``most``, by default of 32 bits."""
    limit = _MOST if most is None else most

    def parse(text: str) -> int:
        value = _number(int, 'a whole number', least, most)(text)
        if value > limit:
            raise argparse.ArgumentTypeError(f'expected at most {limit}, got {text!r}')
        return value

    return parse


def number(least: float, most: float | None = None, above: bool = False) -> Kind:
    """Return the type of finite numbers from ``least``, or ``above`` it, to ``most``."""
    return _number(float, 'a number', least, most, above)


def _number(kind: type, name: str, least: float, most: float | None, above: bool = False) -> Kind:
    limits = f'{name} of {least} or more' if most is None else f'{name} from {least} to {most}'
    if above:
        limits = f'{name} above {least}' + ('' if most is None else f', at most {most}')

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and (value > least if above else value >= least)) or (
            most is not None and value > most
        ):
            raise argparse.ArgumentTypeError(f'expected {limits}, got {text!r}')
        return value

    return parse


positive = whole_number(1)
non_negative = whole_number(0)
# torch's generators take no others.
seed = whole_number(0, 2**63 - 1)
positive_number = number(0, above=True)
non_negative_number = number(0)
fraction = number(0, 1)


def existing_file(text: str) -> str:
    """Return the name of a file that exists."""
    return _existing(text, 'a file')


def existing_folder(text: str) -> str:
    """Return the name of a folder that exists."""
    return _existing(text, 'a folder')


def new_file(text: str) -> str:
    """Return the name of a file to write, which may exist."""
    if _kind(text) == 'a folder' or text.endswith('/'):
        raise argparse.ArgumentTypeError(f'{text} is a folder; name a file')
    return text


def new_folder(text: str) -> str:
    """Return the name of a folder to write to, which may exist."""
    if _kind(text) == 'a file':
        raise argparse.ArgumentTypeError(f'{text} is a file; name a folder')
    return text


def _existing(text: str, kind: str) -> str:
    found = _kind(text)
    if found == kind:
        return text
    if found:
        raise argparse.ArgumentTypeError(f'{text} is {found}, not {kind}')
    path = Path(text)
    names = [p.name for p in path.parent.iterdir()] if _kind(path.parent) == 'a folder' else []
    raise argparse.ArgumentTypeError(f'{text} does not exist.{_closest(path.name, names, 0.6)}')


def _kind(text: str | Path) -> str | None:
    """Return what is there; None if nothing is, as for too long a name."""
    path = Path(text)
    try:
        return 'a folder' if path.is_dir() else 'a file' if path.exists() else None
    except (OSError, ValueError):
        return None


def device(text: str) -> str:
    """Return the name of a device of torch that this machine has."""
    if text == 'cpu':
        return text
    kind, _, index = text.partition(':')
    if kind not in ('cuda', 'mps', 'xpu') or (index and not index.isdecimal()):
        raise argparse.ArgumentTypeError(
            f'expected cpu, cuda, cuda:1 (the second GPU), mps or xpu, got {text!r}'
        )
    import torch

    backend = torch.backends.mps if kind == 'mps' else getattr(torch, kind)
    if not backend.is_available():
        raise argparse.ArgumentTypeError(
            f'{text}: torch {torch.__version__} finds no such device here; use cpu'
        )
    count = 1 if kind == 'mps' else backend.device_count()
    if int(index or 0) >= count:
        raise argparse.ArgumentTypeError(f'{text}: there is only {kind}:0 to {kind}:{count - 1}')
    return text


class DictAction(argparse.Action):
    """Parse KEY=VALUE pairs with mmengine, which is imported only then."""

    def __call__(self, parser: argparse.ArgumentParser, namespace, values, *args) -> None:
        """Store the pairs as a dict."""
        from mmengine.config import DictAction as MMEngineDictAction

        for word in values:
            if '=' not in word:
                parser.error(f'argument {self.option_strings[0]}: expected KEY=VALUE, got {word}')
        try:
            MMEngineDictAction(self.option_strings, self.dest, nargs='+')(
                parser, namespace, values, *args
            )
        except (AssertionError, RecursionError, ValueError) as error:
            parser.error(f'argument {self.option_strings[0]}: {error}')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, its overrides, the work directory and the launcher."""
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help="folder of logs, checkpoints and results; by default the config's work_dir, or "
        'work_dirs/ and the name of the config',
    )
    parser.add_argument(
        '--captions',
        nargs='+',
        metavar='FILE',
        help='caption file(s) for every CaptionLoadTransform of the config, in training and '
        'testing; put this option after the config',
    )
    parser.add_argument(
        '--template',
        help="wording for every DomainModifier of the config, such as 'a dark night photo of a "
        "{caption}'; if the config has no DomainModifier, one is added after each "
        'CaptionLoadTransform',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help='settings that override the config, nested as in model.backbone.with_cp=True; lists '
        "as key=a,b or key='[(a,b),(c,d)]' without spaces",
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none')
    # `torch.distributed.launch`, which mim uses, passes either spelling, depending on its version.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
