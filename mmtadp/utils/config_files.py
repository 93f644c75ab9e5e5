"""Read a config for a command-line tool, with errors of one sentence."""

import argparse
import difflib
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine.config
from mmengine.config import Config, DictAction
from mmengine.utils import import_modules_from_strings

from .config_options import check_options
from .errors import RunError

PACKAGED = Path(__file__).resolve().parents[1] / '.mim' / 'configs'
_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def read_config(
    path: str,
    options: Mapping[str, Any] | Sequence[str] | None = None,
    required: Sequence[str] = (),
) -> Config:
    """Return a config with ``--cfg-options`` applied.

    Args:
        path (str): The file, or the name of a config of mmtadp, such as ``tadp40_ade20k_80k``.
        options (Mapping[str, Any] | Sequence[str], optional): Values by key, or the words
            ``key=value`` of the command line.
        required (Sequence[str]): Keys that the caller reads, such as ``'model.backbone'``.

    Raises:
        RunError: If the file does not exist or is not a config, a base or an imported module is
            missing, a word is not ``key=value``, a key fits nothing in the config, or a required
            key is missing.
    """
    file = _find(str(path))
    config = _load(file)
    if options:
        options = dict(options if isinstance(options, Mapping) else _parse(options))
        check_options(config, options)
        config.merge_from_dict(options)
    for key in required:
        value = config
        for part in key.split('.'):
            value = value.get(part) if isinstance(value, (dict, Config)) else None
        if value is None:
            raise RunError(f'the config {file} has no {key}.')
    return config


def _find(path: str) -> Path:
    if not Path(path).is_file():
        named = sorted(PACKAGED.glob(f'*/{path}.py')) if path.isidentifier() else []
        if not named or Path(path).exists():
            raise RunError(_missing(Path(path)))
        path = named[0]
    if Path(path).suffix not in _SUFFIXES:
        raise RunError(f'{path} is not a config: expected a .py file, or .json or .yaml.')
    return Path(path)


def _load(file: Path) -> Config:
    try:
        config = Config.fromfile(str(file), import_custom_modules=False)
    except Exception as error:  # a config is code, which can fail in any way
        raise RunError(_unreadable(file, error)) from error
    imports = config.get('custom_imports')
    if imports:
        _import(file, imports)
    return config


def _import(file: Path, imports: Any) -> None:
    if not isinstance(imports, dict) or 'imports' not in imports:
        raise RunError(
            f'the config {file}: custom_imports is {imports!r}; expected dict(imports=[NAME]).'
        )
    try:
        import_modules_from_strings(**imports)
    except ImportError as error:
        reason: BaseException = error
        while reason.__cause__ or reason.__context__:
            reason = reason.__cause__ or reason.__context__
        names = imports['imports']
        names = ', '.join(names) if isinstance(names, (list, tuple)) else names
        raise RunError(
            f'the config {file} imports {names} (custom_imports), which fails: {reason}. Install '
            'the package, or add the folder that holds the module to PYTHONPATH.'
        ) from error


def _unreadable(config: Path, error: Exception) -> str:
    """Return a sentence that names the file at fault, which may be a base, and the line."""
    frames = list(traceback.walk_tb(error.__traceback__))
    # The files that mmengine was reading: the config, its base, the base of that.
    files = [
        str(frame.f_locals['filename'])
        for frame, _ in frames
        if frame.f_code.co_filename == mmengine.config.config.__file__
        and frame.f_code.co_name in ('_is_lazy_import', '_parse_lazy_import', '_file2dict')
    ]
    files = list(dict.fromkeys(str(Path(file).resolve()) for file in files))
    file = Path(files[-1]) if files else config.resolve()
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(file)]
    reason = str(error).splitlines()[0] if str(error) else ''
    if isinstance(error, SyntaxError):
        lines, reason = [] if error.lineno is None else [error.lineno], error.msg
    if isinstance(error, FileNotFoundError) and not file.exists():
        user = files[-2] if len(files) > 1 else config
        similar = difflib.get_close_matches(file.name, _configs(file.parent), n=1, cutoff=0.7)
        hint = f' Did you mean {similar[0]}?' if similar else ''
        return f'the config {user} inherits from {file}, which does not exist.{hint}'
    base = '' if file == config.resolve() else f' (a base of {config})'
    line = f', line {lines[-1]}' if lines else ''
    return f'the config {file}{base} cannot be read{line}: {type(error).__name__}: {reason}'


def _parse(words: Sequence[str]) -> dict[str, Any]:
    namespace = argparse.Namespace()
    action = DictAction([], 'options', nargs='+')
    for word in words:
        if '=' not in word:
            raise RunError(f'--cfg-options: expected key=value, got {word!r}')
        try:
            action(argparse.ArgumentParser(), namespace, [word])
        except (AssertionError, ValueError, RecursionError) as error:
            raise RunError(f'--cfg-options {word}: {error}') from error
    return namespace.options


def _missing(path: Path) -> str:
    kind = 'a folder' if path.is_dir() else 'not there'
    message = f'the config {path} is {kind}'
    packaged = sorted(PACKAGED.glob(f'*/{path.stem}.py')) if path.stem else []
    if packaged:
        return f'{message}. mmtadp has {packaged[0]}.'
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f'{message}: there is no folder {folder}.'
    names = _configs(folder)
    similar = difflib.get_close_matches(path.name, names, n=3)
    if not similar and path.is_file() is path.is_dir():
        packaged = {file.stem: file for file in PACKAGED.glob('*/*.py')}
        close = difflib.get_close_matches(path.stem, packaged, n=3)
        if close:
            found = ', '.join(str(packaged[name]) for name in close)
            return f'{message}. mmtadp has {found}.'
    found = ', '.join(str(folder / name) for name in similar or names[:3])
    return f'{message}. Configs there: {found}.' if found else f'{message}, and no .py file is.'


def _configs(folder: Path) -> list[str]:
    return [file.name for file in sorted(folder.glob('*.py'))]
