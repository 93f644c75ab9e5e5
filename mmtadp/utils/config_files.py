"""Read a config for a command-line tool, with errors of one sentence."""

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from .errors import RunError

PACKAGED = Path(__file__).resolve().parents[1] / '.mim' / 'configs'


def read_config(path: str, options: Mapping[str, Any] | Sequence[str] | None = None) -> Config:
    """Return a config with ``--cfg-options`` applied.

    Args:
        path (str): The file.
        options (Mapping[str, Any] | Sequence[str], optional): Values by key, or the words
            ``key=value`` of the command line.

    Raises:
        RunError: If the file does not exist, or a word is not ``key=value``.
    """
    if not Path(path).is_file():
        raise RunError(_missing(Path(path)))
    config = Config.fromfile(path)
    if options:
        config.merge_from_dict(dict(options if isinstance(options, Mapping) else _parse(options)))
    return config


def _parse(words: Sequence[str]) -> dict[str, Any]:
    for word in words:
        if '=' not in word:
            raise RunError(f'--cfg-options: expected key=value, got {word!r}')
    namespace = argparse.Namespace()
    DictAction([], 'options', nargs='+')(argparse.ArgumentParser(), namespace, words)
    return namespace.options


def _missing(path: Path) -> str:
    kind = 'a folder' if path.is_dir() else 'not there'
    message = f'the config {path} is {kind}'
    packaged = sorted(PACKAGED.glob(f'*/{path.stem}.py'))
    if packaged:
        return f'{message}. mmtadp has {packaged[0]}.'
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f'{message}: there is no folder {folder}.'
    names = [file.name for file in sorted(folder.glob('*.py'))]
    similar = difflib.get_close_matches(path.name, names, n=3) or names[:3]
    found = ', '.join(str(folder / name) for name in similar)
    return f'{message}. Configs there: {found}.' if found else f'{message}, and no .py file is.'
