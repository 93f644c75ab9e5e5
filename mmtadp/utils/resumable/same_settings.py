"""Whether a run can be continued."""

import json

from .errors import RunError


def check_same_settings(settings: dict, earlier: dict, where: str) -> None:
    """Checks that a run can be continued.

    Args:
        settings (dict): Of this run.
        earlier (dict): Of the run that is to be continued.
        where (str): The file that has the latter.

    Raises:
        RunError: If they differ.
    """
    # Through JSON, which makes lists of tuples.
    settings = json.loads(json.dumps(settings))
    names = [*settings, *(name for name in earlier if name not in settings)]
    differences = [
        f'{name} was {earlier.get(name)!r} and is {settings.get(name)!r}'
        for name in names
        if earlier.get(name) != settings.get(name)
    ]
    if differences:
        raise RunError(
            f'{where} is of a run with other arguments: {"; ".join(differences)}. Give the same '
            'ones to continue it, name another --out, or start anew with --overwrite.'
        )
