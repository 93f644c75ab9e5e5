"""Compare a caption file with the images it is for, and check its captions."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mmtadp.utils.image_sources import ImageFile

from .formats import read_entries
from .keys import index_keys, path_patterns, resolve_policy

# Kinds of problems, and how the report words them.
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
class CaptionReport:
    """The problems and statistics of a caption file.

    Attributes:
        images (int): Number of images compared with, or 0 if none were given.
        keys (int): Number of entries.
        policy (str): The key policy.
        problems (dict[str, list[str]]): Kind of problem to one line per case.
        lengths (list[int]): Tokens of each caption, start and end of text included.
        words (Counter): Word to the number of captions that contain it.
        same_text (Counter): Caption to the number of images that share it, if more than one.
    """

    images: int
    keys: int
    policy: str
    problems: dict[str, list[str]]
    lengths: list[int] = field(default_factory=list)
    words: Counter = field(default_factory=Counter)
    same_text: Counter = field(default_factory=Counter)

    def problem_kinds(self, allowed: Iterable[str] = ()) -> list[str]:
        """Return the kinds of problems that occur, without those that are allowed."""
        return [kind for kind, cases in self.problems.items() if cases and kind not in allowed]


def check_captions(
    path: str,
    images: Sequence[ImageFile] | None = None,
    key: str = 'auto',
    words: Sequence[str] = (),
    count_tokens: Callable[[list[str]], list[int]] | None = None,
    max_tokens: int = 77,
    keep: Sequence[str] = (),
) -> CaptionReport:
    """Check a caption file.

    Args:
        path (str): The file.
        images (Sequence[ImageFile], optional): The images it is for.
        key (str): Key policy: 'auto', 'stem', 'filename' or 'relpath'. Defaults to 'auto'.
        words (Sequence[str]): Words or phrases that no caption should contain, such as those that
            name a style. They match whole words in any case; a space in a phrase matches any white
            space or a hyphen.
        count_tokens (Callable, optional): From captions to the number of tokens of each.
        max_tokens (int): The text encoder's limit. Defaults to 77.
        keep (Sequence[str]): Phrases that may contain such a word: 'art gallery'.

    Returns:
        CaptionReport: Problems and statistics.

    Raises:
        FileNotFoundError: If there is no such file.
        CaptionFileError: If it is not a caption file, the key policy does not fit its keys, or two
            keys name the same image.
    """
    entries = read_entries(path)
    policy = resolve_policy(entries, key, path)
    keys = index_keys(entries, policy, path)
    problems: dict[str, list[str]] = {kind: [] for kind in PROBLEMS}
    if images is not None:
        _compare(keys, images, problems)
    report = CaptionReport(len(images or ()), len(entries), policy, problems)
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
    keys: dict[str, str], images: Sequence[ImageFile], problems: dict[str, list[str]]
) -> None:
    fits: dict[str, list[str]] = {}
    for image in images:
        name = next((keys[p] for p in path_patterns(image.path) if p in keys), None)
        if name is None:
            problems['missing'].append(image.path)
        else:
            fits.setdefault(name, []).append(image.path)
    problems['extra'] = [name for name in keys.values() if name not in fits]
    problems['ambiguous'] = [
        f'{name}: {", ".join(paths)}' for name, paths in fits.items() if len(paths) > 1
    ]


def _find_words(
    texts: Sequence[tuple[str, str]],
    words: Sequence[str],
    keep: Sequence[str],
    report: CaptionReport,
) -> None:
    wanted = set(map(_joined, words)) - {''}
    if not wanted:
        return
    # Longest first, so that a phrase is found before a word in it.
    phrases = sorted(wanted.union(map(_joined, keep)) - {''}, key=len, reverse=True)
    parts = (r'[\s-]+'.join(map(re.escape, phrase.split())) for phrase in phrases)
    pattern = re.compile(rf'(?<!\w)(?:{"|".join(parts)})(?!\w)')
    for name, text in texts:
        matches = dict.fromkeys(map(_joined, pattern.findall(text.lower())))
        matches = [phrase for phrase in matches if phrase in wanted]
        if matches:
            report.words.update(matches)
            report.problems['style'].append(f'{name}: {", ".join(matches)}: {text!r}')


def _joined(phrase: str) -> str:
    """Return a phrase in lower case, with one space in place of white space and hyphens."""
    return ' '.join(phrase.lower().replace('-', ' ').split())
