"""How captions were made, for the file beside them and for resuming."""

import json
from datetime import UTC, datetime

from mmtadp.dependencies import installed_versions

from .errors import CaptioningError

# What has a say in a caption.
_PACKAGES = (
    'mmtadp',
    'torch',
    'transformers',
    'tokenizers',
    'pillow',
    'nltk',
    'bitsandbytes',
    'ray',
)


def make_provenance(settings: dict, **details: object) -> dict:
    """What is written beside a caption file.

    Args:
        settings (dict): What the captions depend on: model, revision, decoding, input, ....
        **details: What they do not depend on.
    """
    date = datetime.now(UTC).isoformat(timespec='seconds')
    return dict(settings=settings, date=date, versions=installed_versions(_PACKAGES), **details)


def check_same_settings(settings: dict, earlier: dict, where: str) -> None:
    """Checks that a run can be continued.

    Args:
        settings (dict): Of this run.
        earlier (dict): Of the run that is to be continued.
        where (str): The file that has the latter.

    Raises:
        CaptioningError: If they differ.
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
        raise CaptioningError(
            f'{where} is of a run with other arguments: {"; ".join(differences)}. Give the same '
            'ones to continue it, name another --out, or start anew with --overwrite.'
        )
