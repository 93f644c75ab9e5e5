"""A caption file compared with the images it is for."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mmtadp.utils.image_sources import ImageFile

from .entries import Entry, read_entries
from .keys import key_pattern, path_patterns, resolve_policy

# What may be wrong, and how it is put.
PROBLEMS = {
    'missing': 'images without a caption',
    'extra': 'keys that no image has',
    'ambiguous': 'keys that fit several images',
    'empty': 'empty captions',
    'repeated': 'images whose entry repeats a caption',
    'long': 'captions that the text encoder cuts off',
    'style': 'captions with a word of the style or list',
}


@dataclass
class Report:
    """What was found.

    Attributes:
        images (int): Images compared with, or 0 if none were given.
        keys (int): Entries of the file.
        policy (str): How its keys were read.
        problems (dict[str, list[str]]): Kind of problem to one line per case.
        lengths (list[int]): Tokens of each caption, start and end included.
        words (Counter): How many captions have a word of the list.
        same_text (Counter): Captions that more than one image has, and how many.
    """

    images: int
    keys: int
    policy: str
    problems: dict[str, list[str]]
    lengths: list[int] = field(default_factory=list)
    words: Counter = field(default_factory=Counter)
    same_text: Counter = field(default_factory=Counter)

    def found(self, allowed: Iterable[str] = ()) -> list[str]:
        """Kinds of problems found, without those that are allowed."""
        return [kind for kind, cases in self.problems.items() if cases and kind not in allowed]


def check_captions(
    path: str,
    images: Sequence[ImageFile] | None = None,
    key: str = 'auto',
    words: Sequence[str] = (),
    count_tokens: Callable[[list[str]], list[int]] | None = None,
    max_tokens: int = 77,
    keep: Sequence[str] = (),
) -> Report:
    """Checks a caption file.

    Args:
        path (str): The file.
        images (Sequence[ImageFile], optional): The images it is for.
        key (str): How to read its keys: 'auto', 'stem', 'filename' or 'relpath'.
        words (Sequence[str]): Words or phrases that no caption should have, such as those that
            name a style; whole words, in any case, a space being any white space or a hyphen.
        count_tokens (Callable, optional): Length of each of some captions in tokens.
        max_tokens (int): The text encoder's limit.
        keep (Sequence[str]): Phrases in which such a word is none: 'art gallery'.

    Returns:
        Report: What was found.

    Raises:
        FileNotFoundError: If there is no such file.
        CaptionFileError: If it is no caption file, or its keys cannot be read.
    """
    entries = read_entries(path)
    policy = resolve_policy(entries, key, path)
    problems: dict[str, list[str]] = {kind: [] for kind in PROBLEMS}
    if images is not None:
        _compare(entries, images, policy, path, problems)
    report = Report(len(images or ()), len(entries), policy, problems)
    texts = [(name, text) for name, entry in entries.items() for text in entry.captions]
    problems['empty'] = [name for name, text in texts if not text]
    problems['repeated'] = [
        f'{name}: {entry.captions[0]!r}' for name, entry in entries.items() if entry.repeated
    ]
    if count_tokens is not None:
        report.lengths = count_tokens([text for _, text in texts])
        for (name, text), length in zip(texts, report.lengths, strict=True):
            if length > max_tokens:
                problems['long'].append(f'{name}: {length} tokens: {text!r}')
    if words:
        _find_words(texts, words, keep, report)
    shared = Counter(entry.captions[0] for entry in entries.values())
    report.same_text = Counter({text: count for text, count in shared.items() if count > 1})
    return report


def _compare(
    entries: dict[str, Entry],
    images: Sequence[ImageFile],
    policy: str,
    path: str,
    problems: dict[str, list[str]],
) -> None:
    keys = {key_pattern(name, policy, path): name for name in entries}
    fits: dict[str, list[str]] = {}
    for image in images:
        name = next((keys[p] for p in path_patterns(image.path) if p in keys), None)
        if name is None:
            problems['missing'].append(image.path)
        else:
            fits.setdefault(name, []).append(image.path)
    problems['extra'] = [name for name in entries if name not in fits]
    problems['ambiguous'] = [
        f'{name}: {", ".join(paths)}' for name, paths in fits.items() if len(paths) > 1
    ]


def _find_words(
    texts: Sequence[tuple[str, str]], words: Sequence[str], keep: Sequence[str], report: Report
) -> None:
    wanted = set(map(_joined, words))
    # Longest first, so that a phrase is found before a word in it.
    phrases = sorted(wanted.union(map(_joined, keep)), key=len, reverse=True)
    parts = (r'[\s-]+'.join(map(re.escape, phrase.split())) for phrase in phrases)
    pattern = re.compile(rf'(?<!\w)(?:{"|".join(parts)})(?!\w)')
    for name, text in texts:
        found = dict.fromkeys(_joined(match) for match in pattern.findall(text.lower()))
        found = [phrase for phrase in found if phrase in wanted]
        if found:
            report.words.update(found)
            report.problems['style'].append(f'{name}: {", ".join(found)}: {text!r}')


def _joined(phrase: str) -> str:
    """In lower case, with one space between its words, or parts with hyphens between them."""
    return ' '.join(phrase.lower().replace('-', ' ').split())
