"""Check the types and ranges of the arguments of registered modules.

A config holds what a person typed: ``--cfg-options model.backbone.use_attn=no`` gives the text
'no', which is true.
"""

import difflib
import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from .errors import RunError


class ArgumentError(RunError):
    """An argument of a wrong type or out of range; the message names it and its value."""


def check_bool(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value.

    Raises:
        ArgumentError: If it is neither; text and numbers are not booleans.
    """
    if isinstance(value, bool):
        return value
    raise ArgumentError(f'{name} must be True or False, got {_describe(value)}')


def check_bools(**values: Any) -> None:
    """Check several arguments with :func:`check_bool`, by name."""
    for name, value in values.items():
        check_bool(name, value)


def check_int(
    name: str, value: Any, minimum: int | None = None, maximum: int | None = None
) -> int:
    """Return ``value`` as an int if it is a whole number from ``minimum`` to ``maximum``.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value. Integers of NumPy are allowed, booleans and floats are not.
        minimum (int, optional): Smallest value allowed.
        maximum (int, optional): Largest value allowed.

    Raises:
        ArgumentError: If it is not.
    """
    try:
        number = None if _is_bool(value) else operator.index(value)
    except TypeError:
        number = None
    if number is not None and _in_range(number, minimum, maximum):
        return number
    raise ArgumentError(
        f'{name} must be an integer{_range(minimum, maximum)}, got {_describe(value)}'
    )


def check_number(
    name: str, value: Any, minimum: float | None = None, maximum: float | None = None
) -> float:
    """Return ``value`` if it is a finite number from ``minimum`` to ``maximum``.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value. Booleans are not numbers.
        minimum (float, optional): Smallest value allowed.
        maximum (float, optional): Largest value allowed.

    Raises:
        ArgumentError: If it is not.
    """
    if (
        isinstance(value, Real)
        and not _is_bool(value)
        and math.isfinite(value)
        and _in_range(value, minimum, maximum)
    ):
        return value
    raise ArgumentError(
        f'{name} must be a number{_range(minimum, maximum)}, got {_describe(value)}'
    )


def check_text(name: str, value: Any) -> str:
    """Return ``value`` if it is a string that is not empty.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value.

    Raises:
        ArgumentError: If it is not.
    """
    if isinstance(value, str) and value:
        return value
    raise ArgumentError(f'{name} must be text, got {_describe(value)}')


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return ``value`` if it is one of ``choices``; the message offers the closest one.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value.
        choices (Sequence[Any]): The values allowed.

    Raises:
        ArgumentError: If it is another.
    """
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    expected = ', '.join(map(repr, choices))
    raise ArgumentError(
        f'{name} must be one of {expected}; got {_describe(value)}.{closest(value, choices)}'
    )


def check_dict(name: str, value: Any, allowed: Iterable[str] | None = None) -> dict:
    """Return ``value`` if it is a dict whose keys are among ``allowed``.

    Args:
        name (str): Name of the argument, for the message.
        value (Any): Its value.
        allowed (Iterable[str], optional): Its possible keys. None allows any.

    Raises:
        ArgumentError: If it is not a dict, or has another key.
    """
    if not isinstance(value, dict):
        raise ArgumentError(
            f'{name} must be a dict, got {_describe(value)}. In a config write dict(key=value); '
            f'on the command line set its keys, {name}.KEY=VALUE.'
        )
    if allowed is not None:
        allowed = list(allowed)
        for key in value:
            if key not in allowed:
                raise ArgumentError(
                    f'{name} has no key {key!r}; its keys are {", ".join(allowed)}.'
                    f'{closest(key, allowed)}'
                )
    return value


def closest(value: Any, choices: Iterable[Any]) -> str:
    """Return ' Did you mean …?' with the choice that is spelt most like ``value``, or ''."""
    by_letters = {str(choice).lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(value).lower(), by_letters, n=1, cutoff=0.5)
    return f' Did you mean {by_letters[found[0]]!r}?' if found else ''


def _is_bool(value: Any) -> bool:
    # numpy.bool_ and a tensor of dtype bool count as integers otherwise.
    return isinstance(value, bool) or 'bool' in str(getattr(value, 'dtype', ''))


def _in_range(value: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _range(minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return ''
    if maximum is None:
        return f' of {minimum} or more'
    return f' up to {maximum}' if minimum is None else f' from {minimum} to {maximum}'


def _describe(value: Any) -> str:
    """Return a value and its type: 'no' and 1.5 explain themselves, a type does not always."""
    shown = repr(value)
    if len(shown) > 80:
        shown = f'{shown[:77]}...'
    return f'{shown} ({type(value).__name__})'
