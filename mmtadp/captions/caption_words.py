"""Captions with their words, or the class names in them, shuffled, dropped and added to.

What is drawn depends on the seed and on the caption's own key alone, so that neither the order of
a file nor what else is in it has a say.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Sequence

from .errors import CaptioningError


class CaptionWords:
    """Takes captions apart into units.

    Args:
        names (Sequence[str], optional): Class names: the units of captions that consist of them
            and white space. Without them the units are words.
        fixed (Sequence[str]): Units that are neither dropped nor added, such as VOC's
            'background', which the published script spares. Defaults to none.

    Raises:
        CaptioningError: If a name is empty or given twice.
    """

    def __init__(self, names: Sequence[str] | None = None, fixed: Sequence[str] = ()):
        self.names = None if names is None else tuple(' '.join(name.split()) for name in names)
        self.fixed = frozenset(fixed)
        self._pattern = None
        if self.names is not None:
            if not all(self.names) or len(set(self.names)) < len(self.names):
                raise CaptioningError(f'class names {list(names)}: expected distinct ones')
            # The longest first: 'potted plant' before 'plant'.
            alternatives = '|'.join(
                re.escape(name) for name in sorted(self.names, key=len, reverse=True)
            )
            self._pattern = re.compile(rf'(?:{alternatives})(?!\S)')

    def split(self, caption: str) -> list[str]:
        """The units of a caption.

        Raises:
            CaptioningError: If it holds something that is no class name.
        """
        caption = ' '.join(caption.split())
        if self._pattern is None:
            return caption.split()
        units, position = [], 0
        while position < len(caption):
            found = self._pattern.match(caption, position)
            if found is None:
                raise CaptioningError(
                    f'caption {caption!r} does not consist of the {len(self.names)} class names: '
                    f'none is at {caption[position:]!r}. Give the names as the captions spell '
                    'them, or none, to treat single words.'
                )
            units.append(found.group())
            position = found.end() + 1
        return units

    def vocabulary(self, captions: Iterable[str]) -> list[str]:
        """What may be added: the class names, or the words that the captions have."""
        if self.names is not None:
            return list(self.names)
        return sorted({word for caption in captions for word in caption.split()})


def shuffle_words(caption: str, words: CaptionWords, seed: int, own: str) -> str:
    """Puts the units of a caption into a random order.

    Args:
        caption (str): The caption.
        words (CaptionWords): What its units are.
        seed (int): Makes other orders.
        own (str): A text that is this caption's own, such as its key.

    Returns:
        str: The caption.
    """
    units = words.split(caption)
    _random('shuffle', seed, own).shuffle(units)
    return ' '.join(units)


def drop_words(
    caption: str,
    words: CaptionWords,
    seed: int,
    own: str,
    probability: float | None = None,
    count: int | None = None,
) -> str:
    """Leaves units of a caption out; the others stay in order.

    Args:
        caption (str): The caption.
        words (CaptionWords): What its units are.
        seed (int): Makes other choices.
        own (str): A text that is this caption's own, such as its key.
        probability (float, optional): With which each one is left out.
        count (int, optional): How many are left out instead, as far as one remains (as the
            published script has it).

    Returns:
        str: The caption.
    """
    units = words.split(caption)
    rng = _random('drop', seed, own)
    free = [index for index, unit in enumerate(units) if unit not in words.fixed]
    if count is not None:
        dropped = set(rng.sample(free, min(count, max(0, len(free) - 1))))
    else:
        dropped = {index for index in free if rng.random() < probability}
    return ' '.join(unit for index, unit in enumerate(units) if index not in dropped)


def add_words(
    caption: str,
    words: CaptionWords,
    vocabulary: Sequence[str],
    seed: int,
    own: str,
    probability: float | None = None,
    count: int | None = None,
) -> str:
    """Adds units that a caption does not have.

    Class names are added where the class order has them, each absent one with the probability
    given. Words are added at random places: after each word with the probability given.

    Args:
        caption (str): The caption.
        words (CaptionWords): What its units are.
        vocabulary (Sequence[str]): What to choose from, as :meth:`CaptionWords.vocabulary` says.
        seed (int): Makes other choices.
        own (str): A text that is this caption's own, such as its key.
        probability (float, optional): See above.
        count (int, optional): How many are added instead.

    Returns:
        str: The caption.
    """
    units = words.split(caption)
    rng = _random('add', seed, own)
    absent = [unit for unit in vocabulary if unit not in units and unit not in words.fixed]
    if words.names is not None:
        if count is not None:
            added = set(rng.sample(absent, min(count, len(absent))))
        else:
            added = {unit for unit in absent if rng.random() < probability}
        # Sorting is stable: a name that the caption has twice stays so.
        return ' '.join(sorted([*units, *added], key=words.names.index))
    if count is None:
        count = sum(rng.random() < probability for _ in units)
    for unit in rng.sample(absent, min(count, len(absent))):
        units.insert(rng.randint(0, len(units)), unit)
    return ' '.join(units)


def _random(what: str, seed: int, own: str) -> random.Random:
    # Python's own hash differs between processes.
    digest = hashlib.blake2b(f'{what}/{seed}/{own}'.encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, 'big'))
