"""How captions were made, for the file beside them."""

from datetime import UTC, datetime

from mmtadp.utils.dependencies import installed_versions

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
