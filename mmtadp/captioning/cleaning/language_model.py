"""Takes mentions of a style out of captions by asking a language model, and checks its answers."""

import json
import re
from collections.abc import Iterator, Sequence

from ..journal import Journal, Progress
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
# What a model may add to make a sentence whole, as GPT-3.5 did in the paper.
_MAY_BE_ADDED = frozenset(['a', 'an', 'the', 'is', 'are', 'image', 'of'])
_MARKS_PER_CAPTION = 16  # tokens of number, quotes and commas


class LanguageModelCleaner:
    """Cleans captions in numbered batches.

    An answer counts only if it has every number of its batch, once, and no other, and each
    caption fits the one it belongs to: no words that were not there, and no thing missing that
    the rules of :class:`OfflineCleaner` leave in place. So captions never shift. What does not
    count is asked again, caption by caption. There a thing may be missing, since nothing else can
    have been meant; a caption that still does not fit is cleaned by the rules, and listed.

    Args:
        endpoint (ChatEndpoint): Where the model is.
        rules (OfflineCleaner): Checks, and stands in.
        batch_size (int): Captions per request. Defaults to 20.
    """

    def __init__(self, endpoint: ChatEndpoint, rules: OfflineCleaner, batch_size: int = 20):
        self._endpoint = endpoint
        self._rules = rules
        self._batch_size = batch_size
        self._task = _TASK.format(description=rules.vocabulary.description)

    def run(self, captions: Sequence[str], journal: Journal) -> Iterator[Progress]:
        """Cleans captions that a journal does not have yet.

        Args:
            captions (Sequence[str]): Distinct ones.
            journal (Journal): Open; gets each batch as it is done.

        Yields:
            Progress: Caption to cleaned one, and to the reason why rules did it.
        """
        done = journal.read()
        left = [caption for caption in captions if caption not in done.captions]
        for start in range(0, len(left), self._batch_size):
            batch = self.clean(left[start : start + self._batch_size])
            journal.append(batch)
            yield batch

    def clean(self, captions: Sequence[str]) -> Progress:
        """Cleans a batch."""
        progress = Progress()
        answers = self._ask(captions)
        for index, caption in enumerate(captions):
            cleaned = answers.get(index)
            if cleaned is not None and not self._misfit(caption, cleaned, may_lack=False):
                progress.captions[caption] = cleaned
                continue
            cleaned, reason = self._single(caption)
            progress.captions[caption] = cleaned
            if reason:
                progress.skipped[caption] = reason
        return progress

    def _single(self, caption: str) -> tuple[str, str | None]:
        cleaned = self._ask([caption]).get(0)
        if cleaned is None:
            reason = 'no answer in the form asked for'
        else:
            reason = self._misfit(caption, cleaned, may_lack=True)
        return (cleaned, None) if reason is None else (self._rules(caption), reason)

    def _ask(self, captions: Sequence[str]) -> dict[int, str]:
        """Answers by place; empty if any number is missing, extra or repeated."""
        numbered = {str(number): text for number, text in enumerate(captions, 1)}
        user = json.dumps(numbered, ensure_ascii=False, indent=0)
        most_tokens = len(user.encode()) // 2 + _MARKS_PER_CAPTION * (len(captions) + 1)
        found = parse_answer(self._endpoint.ask(self._task, user, most_tokens))
        if found is None or found.keys() != numbered.keys():
            return {}
        return {int(number) - 1: ' '.join(text.split()) for number, text in found.items()}

    def _misfit(self, caption: str, cleaned: str, may_lack: bool) -> str | None:
        """What is wrong with an answer, or None."""
        before, after = _words(caption), _words(cleaned)
        new = [word for word in after if word not in before and word not in _MAY_BE_ADDED]
        if new:
            return f'the answer has new words: {cleaned!r}'
        kept = self._rules(caption)
        if not after and kept:
            return 'the answer is empty'
        missing = set(_words(kept)) - set(after) - _MAY_BE_ADDED
        if missing and not may_lack:
            return f'the answer lacks {sorted(missing)}: {cleaned!r}'
        return None


def parse_answer(answer: Answer) -> dict[str, str] | None:
    """Reads numbered captions.

    Args:
        answer (Answer): Of a model.

    Returns:
        dict[str, str] | None: By number, or None if the answer is cut off, is no JSON object of
        strings, or has a number twice.
    """
    fenced = re.fullmatch(r'\s*```(?:json)?\s*(.*?)\s*```\s*', answer.text, re.DOTALL)
    text = fenced.group(1) if fenced else answer.text
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError:
        return None
    if not answer.complete or not isinstance(pairs, list):
        return None
    if not all(isinstance(pair, tuple) and isinstance(pair[1], str) for pair in pairs):
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _words(text: str) -> list[str]:
    return re.findall(r"'s\b|\w+", text.lower())
