"""Walk over the parts of a config: datasets, transforms, metrics."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Part(NamedTuple):
    """A dataset of a config that is not a wrapper.

    Attributes:
        config (Mapping): Its config.
        dataset (Any): As built, with the loading transforms only.
    """

    config: Mapping
    dataset: Any

    def caption_loaders(self) -> list[Mapping]:
        """Return the configs of ``CaptionLoadTransform`` in its pipeline."""
        steps = walk(self.config.get('pipeline', ()))
        return [step for step in steps if type_name(step) == 'CaptionLoadTransform']

    def infos(self) -> Iterator[dict]:
        """Yield the dataset's entry of each image."""
        return map(self.dataset.get_data_info, range(len(self.dataset)))


def walk(part: Any) -> Iterator[Mapping]:
    """Yield the dicts in a part of a config, outer ones first."""
    if isinstance(part, Mapping):
        yield part
        part = list(part.values())
    if isinstance(part, list | tuple):
        for item in part:
            yield from walk(item)


def type_name(step: Mapping) -> str:
    """Return the name of a config's type, without its scope."""
    found = step.get('type', '')
    return getattr(found, '__name__', str(found)).rpartition('.')[2]


def is_loader(step: Mapping) -> bool:
    """Return whether a transform's config loads an image or its ground truth."""
    name = type_name(step)
    known = name in ('LoadAnnotations', 'LoadDepthAnnotation')
    return known or (name.startswith('Load') and 'Image' in name)
