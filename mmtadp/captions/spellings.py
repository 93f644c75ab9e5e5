"""Class names, and how captions spell them."""

import json
import os
from collections.abc import Sequence

from mmtadp.utils.config_files import read_config
from mmtadp.utils.errors import RunError
from mmtadp.utils.text_files import read_lines, read_text

from .formats import has_half_surrogate


def read_names(given: Sequence[str]) -> list[str]:
    """Return the class names that a command line gives.

    Args:
        given (Sequence[str]): The names themselves, or one file: a config with ``class_names``, a
            JSON list, or text with one name a line.

    Returns:
        list[str]: The names.

    Raises:
        RunError: If the file does not list class names.
    """
    if len(given) != 1 or not os.path.isfile(given[0]):
        return list(given)
    (path,) = given
    extension = os.path.splitext(path)[1]
    try:
        if extension == '.py':
            names = read_config(path).get('class_names')
        else:
            names = json.loads(read_text(path)) if extension == '.json' else read_lines(path)
    except RunError:
        raise
    except (ValueError, RecursionError) as error:
        raise RunError(f'{path}: does not list class names: {error}') from error
    if (
        not isinstance(names, (list, tuple))
        or not names
        or not all(isinstance(name, str) and not has_half_surrogate(name) for name in names)
    ):
        raise RunError(
            f'{path}: expected class names, in class_names of a config, a JSON list, or one a line'
        )
    return list(names)


def respell(names: Sequence[str], spellings: Sequence[Sequence[str]]) -> list[str]:
    """Return class names with some of them replaced.

    Args:
        names (Sequence[str]): The dataset's names.
        spellings (Sequence[Sequence[str]]): Pairs of a name and its replacement.

    Returns:
        list[str]: In the order of ``names``.

    Raises:
        RunError: If a name to replace is not among ``names``.
    """
    table = {old: new for old, new in spellings}
    unknown = [old for old in table if old not in names]
    if unknown:
        raise RunError(f'{unknown[0]!r} is not one of the class names {", ".join(names)}.')
    return [table.get(name, name) for name in names]
