"""Ask a language model to remove mentions of a style from captions, and check its answers."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmtadp.captions.formats import has_half_surrogate

from ..journal import Journal
from .chat import Answer, ChatEndpoint
from .offline import OfflineCleaner

_TASK = (
    'You edit image captions. Remove every mention of this style or condition: {description}. '
    'That includes what the image is called (such as "a watercolor painting of"), attributes, '
    'media and makers. Remove nothing else: things in the scene stay, also those that belong to '
    'the topic, such as a painting on a wall. Add no words and do not rephrase; only "a" and "an" '
    'may change.\n'
    'You get a JSON object with numbered captions. Answer with one JSON object that has exactly '
    'the same numbers, each with its edited caption, and nothing else.'
)
# Words that a model may add to complete a sentence, as GPT-3.5 did in the paper.
_MAY_BE_ADDED = frozenset(['a', 'an', 'the', 'is', 'are', 'image', 'of'])
_MARKS_PER_CAPTION = 16  # tokens of number, quotes and commas
_MARK = re.compile(r'[^\w\s]')


@dataclass
class CleanedCaptions:
    """Captions that are cleaned.

    Attributes:
        captions (dict[str, str]): Caption to the cleaned one.
        by_rules (dict[str, str]): Caption to the reason why rules cleaned it instead of the model.
    """

    captions: dict[str, str] = field(default_factory=dict)
    by_rules: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, journal: Journal) -> 'CleanedCaptions':
        """Return the captions in a journal.

        Raises:
            RunError: If it is damaged.
        """
        joined = cls()
        for record in journal.read(dict(captions=dict, by_rules=dict)):
            joined.captions.update(record['captions'])
            joined.by_rules.update(record['by_rules'])
        return joined


class LanguageModelCleaner:
    """Clean captions in numbered batches.

    An answer is accepted only if it has every number of its batch exactly once, and each cleaned
    caption fits the original: it has no new words, and it lacks nothing that the rules of
    :class:`OfflineCleaner` leave in place. So captions never shift. The other captions are sent
    again, one at a time. There something may be missing, since the answer cannot belong to
    another caption; a caption that still does not fit is cleaned by the rules, and listed.

    Args:
        endpoint (ChatEndpoint): The model.
        rules (OfflineCleaner): Checks the answers, and cleans captions in place of the model.
        batch_size (int): Captions per request. Defaults to 20.
    """

    def __init__(self, endpoint: ChatEndpoint, rules: OfflineCleaner, batch_size: int = 20):
        self._endpoint = endpoint
        self._rules = rules
        self._batch_size = batch_size
        self._task = _TASK.format(description=rules.vocabulary.description)

    def run(self, captions: Sequence[str], journal: Journal) -> Iterator[CleanedCaptions]:
        """Clean the captions that a journal does not have yet.

        Args:
            captions (Sequence[str]): Distinct captions.
            journal (Journal): Open; gets each batch as it is done.

        Yields:
            CleanedCaptions: Batches.
        """
        done = CleanedCaptions.read(journal).captions
        left = [caption for caption in captions if caption not in done]
        for start in range(0, len(left), self._batch_size):
            batch = self.clean(left[start : start + self._batch_size])
            journal.append(asdict(batch))
            yield batch

    def clean(self, captions: Sequence[str]) -> CleanedCaptions:
        """Clean a batch."""
        result = CleanedCaptions()
        answers = self._ask(captions)
        for index, caption in enumerate(captions):
            cleaned = answers.get(index)
            if cleaned is not None and not self._misfit(caption, cleaned, may_lack=False):
                result.captions[caption] = cleaned
                continue
            cleaned, reason = self._single(caption)
            result.captions[caption] = cleaned
            if reason:
                result.by_rules[caption] = reason
        return result

    def _single(self, caption: str) -> tuple[str, str | None]:
        cleaned = self._ask([caption]).get(0)
        if cleaned is None:
            reason = 'no answer in the requested form'
        else:
            reason = self._misfit(caption, cleaned, may_lack=True)
        return (cleaned, None) if reason is None else (self._rules(caption), reason)

    def _ask(self, captions: Sequence[str]) -> dict[int, str]:
        """Return answers by index; empty if any number is missing, extra or repeated."""
        numbered = {str(number): text for number, text in enumerate(captions, 1)}
        user = json.dumps(numbered, ensure_ascii=False, indent=0)
        max_tokens = len(user.encode()) // 2 + _MARKS_PER_CAPTION * (len(captions) + 1)
        answers = parse_answer(self._endpoint.ask(self._task, user, max_tokens))
        if answers is None or answers.keys() != numbered.keys():
            return {}
        return {int(number) - 1: ' '.join(text.split()) for number, text in answers.items()}

    def _misfit(self, caption: str, cleaned: str, may_lack: bool) -> str | None:
        """Return the problem of an answer, or None."""
        before, after = _words(caption), _words(cleaned)
        new = Counter(after) - Counter(before)
        if new.total() > len(_MAY_BE_ADDED) or not _MAY_BE_ADDED.issuperset(new):
            return f'the answer has new words: {cleaned!r:.500}'
        if Counter(_MARK.findall(cleaned)) - Counter(_MARK.findall(caption)) - Counter('.,'):
            return f'the answer has new marks: {cleaned!r:.500}'
        kept = self._rules(caption)
        if not after and kept:
            return 'the answer is empty'
        missing = set(_words(kept)) - set(after) - _MAY_BE_ADDED
        if missing and not may_lack:
            return f'the answer lacks {sorted(missing)}: {cleaned!r:.500}'
        return None


def parse_answer(answer: Answer) -> dict[str, str] | None:
    """Return the numbered captions of an answer.

    Args:
        answer (Answer): A model's answer.

    Returns:
        dict[str, str] | None: By number, or None if the answer is cut off, is not a JSON object
        of strings, has a number twice, or holds half a surrogate pair.
    """
    fenced = re.fullmatch(r'\s*```(?:json)?\s*(.*?)\s*```\s*', answer.text, re.DOTALL)
    text = fenced.group(1) if fenced else answer.text
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    if not answer.complete or not isinstance(pairs, list):
        return None
    if not all(isinstance(pair, tuple) and _is_text(pair[1]) for pair in pairs):
        return None
    numbered = dict(pairs)
    return numbered if len(numbered) == len(pairs) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not has_half_surrogate(value)


def _words(text: str) -> list[str]:
    return re.findall(r"'s\b|\w+", text.lower())
