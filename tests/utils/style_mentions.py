"""Scores the offline cleaner on the labelled captions of ``tests/data/style_mentions.tsv``.

    python -m tests.utils.style_mentions

Each caption is labelled with what is left when mentions of the style are gone. Half of the
captions were looked at while the rules were written, the other half was scored only.
"""

import csv
import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from mmtadp.captioning.cleaning import OfflineCleaner, Vocabulary

FILE = Path(__file__).parents[1] / 'data' / 'style_mentions.tsv'


class Labelled(NamedTuple):
    half: str
    style: str
    caption: str
    cleaned: str


class Score(NamedTuple):
    """Counts of words; right is removed and labelled so."""

    captions: int
    exact: int
    removed: int
    labelled: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.removed

    @property
    def recall(self) -> float:
        return self.right / self.labelled


def read_labelled() -> list[Labelled]:
    with FILE.open(encoding='utf-8') as file:
        rows = csv.DictReader(file, delimiter='\t', quoting=csv.QUOTE_NONE)
        return [Labelled(**row) for row in rows]


def words(text: str) -> list[str]:
    """Words; 'a' and 'an' are one, since a word's removal may turn one into the other."""
    return ['a' if word == 'an' else word for word in re.findall(r"'s\b|\w+", text.lower())]


def removed_words(caption: str, cleaned: str) -> set[int]:
    """Places of the caption's words that are gone."""
    before = words(caption)
    blocks = SequenceMatcher(a=before, b=words(cleaned), autojunk=False).get_matching_blocks()
    kept = {block.a + i for block in blocks for i in range(block.size)}
    return set(range(len(before))) - kept


def is_shortened(caption: str, cleaned: str) -> bool:
    """Whether all words of one text are, in order, in another."""
    rest = iter(words(caption))
    return all(word in rest for word in words(cleaned))


def score(labelled: Iterable[Labelled], results: Iterable[str]) -> Score:
    total = [0] * 5
    for item, result in zip(labelled, results, strict=True):
        removed = removed_words(item.caption, result)
        gold = removed_words(item.caption, item.cleaned)
        counts = (1, result == item.cleaned, len(removed), len(gold), len(removed & gold))
        total = [a + b for a, b in zip(total, counts, strict=True)]
    return Score(*total)


def clean_all(labelled: Iterable[Labelled]) -> list[str]:
    cleaners = {}
    results = []
    for item in labelled:
        if item.style not in cleaners:
            cleaners[item.style] = OfflineCleaner(Vocabulary.load(item.style))
        results.append(cleaners[item.style](item.caption))
    return results


def main() -> None:
    labelled = read_labelled()
    results = clean_all(labelled)
    print('half      style       captions  exact  precision  recall  other words lost')
    for half in ('tuning', 'held-out'):
        for style in ('all', *sorted({item.style for item in labelled})):
            chosen = [
                (item, result)
                for item, result in zip(labelled, results, strict=True)
                if item.half == half and style in ('all', item.style)
            ]
            found = score(*zip(*chosen, strict=True))
            print(
                f'{half:9s} {style:11s} {found.captions:8d} {found.exact:6d} '
                f'{found.precision:10.1%} {found.recall:7.1%} {found.removed - found.right:9d}'
            )


if __name__ == '__main__':
    main()
