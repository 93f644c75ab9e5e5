"""Find parts of sentences that mention a style: noun phrases, their heads and their ends."""

from collections.abc import Iterator

from .tagged import TaggedCaption
from .vocabulary import Phrases, Vocabulary

ARTICLES = frozenset(['a', 'an', 'the', 'this', 'that', 'these', 'those', 'some'])
# "a SET of paintings of cats", "a PANEL from a comic of a man".
CONTAINERS = Phrases(
    [
        'set',
        'series',
        'collection',
        'page',
        'panel',
        'cover',
        'pair',
        'variety',
        'number',
        'couple',
    ],
    plural=True,
)
# Tags of words between the article and the noun of a noun phrase.
_INSIDE = ('JJ', 'NN', 'CD', 'RB', 'VBN', 'VBD', 'POS', 'PRP$', 'HYPH', 'FW')


class StyleGrammar:
    """Find parts of sentences that mention a style.

    Args:
        vocabulary (Vocabulary): The style's vocabulary.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.draws = bool(vocabulary.works)
        self.works = Phrases(vocabulary.works, plural=True)
        self.styles = Phrases(vocabulary.styles)
        self.modifiers = {word: tuple(nouns) for word, nouns in vocabulary.modifiers.items()}
        self.modifier_words = Phrases([*self.modifiers, *vocabulary.styles])
        self.materials = Phrases(vocabulary.materials)
        self.surfaces = Phrases(vocabulary.surfaces)
        self.settings = Phrases(vocabulary.settings)
        # 'in ink', 'painted with watercolors': the material of an image.
        media = [*vocabulary.styles, *vocabulary.materials] if self.draws else []
        self.media = Phrases(media, plural=True)
        self.times = Phrases(vocabulary.times)
        self.traces = Phrases(vocabulary.traces, plural=True)
        self.makes = Phrases(vocabulary.makes)
        self.phrases = Phrases(vocabulary.phrases)
        self.keep = Phrases(vocabulary.keep)

    def clauses(self, text: TaggedCaption) -> Iterator[int]:
        """Yield the indices where a title may start."""
        for i in range(len(text)):
            if i == 0 or text.is_mark(i - 1) or text.tag(i - 1) == 'CC':
                yield i

    def noun_phrase(self, text: TaggedCaption, start: int) -> tuple[int, int]:
        """Return start of the head and end of the noun phrase at ``start``, or (-1, -1)."""
        i = start
        best = (-1, -1)
        while i < len(text):
            length = max(
                self.works.length(text.words, i),
                self.styles.length(text.words, i),
                self.times.length(text.words, i),
                CONTAINERS.length(text.words, i),
            )
            if length:
                best = (i, i + length)
                i += length
            elif self.style_length(text, i):
                i += self.style_length(text, i)
            elif self.is_inside(text, i, i + 1, start) or (
                text.tag(i) == 'VBG' and text.tag(i - 1) == 'DT'
            ):
                i += 1
            else:
                break
        # The head is the last word.
        return best if best[1] == i else (-1, -1)

    def is_head(self, text: TaggedCaption, start: int, head: int) -> bool:
        if self.works.length(text.words, head):
            return True
        if self.times.length(text.words, head):
            return self.has_style(text, start, head)
        # "a watercolor of a harbor": a style may stand for a work where there are works.
        return bool(self.styles.length(text.words, head) and self.draws)

    def works_here(self, text: TaggedCaption, index: int) -> bool:
        """Return whether a work at an index is a noun, not an activity."""
        return text.tag(index) != 'VBG' or text.tag(index - 1) in ('DT', 'JJ')

    def style_length(self, text: TaggedCaption, index: int) -> int:
        return max(
            phrases.length(text.words, index)
            for phrases in (self.works, self.styles, self.materials, self.surfaces)
        )

    def has_style(self, text: TaggedCaption, start: int, end: int) -> bool:
        return any(self.modifier_words.length(text.words, k) for k in range(start, end))

    def is_inside(
        self, text: TaggedCaption, start: int, end: int, first: int | None = None
    ) -> bool:
        """Return whether words may stand before the head of the noun phrase at ``first``."""
        first = start if first is None else first
        return all(
            text.tag(k).startswith(_INSIDE)
            or (k == first and text.tag(k) == 'DT')
            or (text.tag(k) == 'CC' and self.joins_attributes(text, k))
            or self.modifier_words.length(text.words, k)
            for k in range(start, end)
        )

    def joins_attributes(self, text: TaggedCaption, index: int) -> bool:
        """Return whether an 'and' joins attributes, as in 'black and white'."""
        return all(
            text.tag(k).startswith('JJ')
            or self.style_length(text, k)
            or self.modifier_words.length(text.words, k)
            for k in (index - 1, index + 1)
        )

    def is_make(self, text: TaggedCaption, index: int) -> bool:
        return index >= 0 and self.makes.length(text.words, index) == 1

    def with_make(self, text: TaggedCaption, start: int) -> int:
        """Return the index before 'is painted', if these words precede ``start``."""
        if self.is_make(text, start - 1):
            start -= 1
            if text.word(start - 1) in ('is', 'are'):
                start -= 1
        return start

    def ends_phrase(self, text: TaggedCaption, index: int) -> bool:
        return not (text.is_noun(index) or text.tag(index) in ('JJ', 'VBN', 'VBD', 'POS'))

    def after_surface(self, text: TaggedCaption, index: int) -> int:
        if text.word(index) == 'on':
            i = index + 1 + (text.word(index + 1) in ARTICLES)
            length = self.surfaces.length(text.words, i)
            if length:
                return i + length
        return index

    def after_manner(self, text: TaggedCaption, index: int) -> int:
        """Return the end of 'in the style of monet' or 'in a comic book style' at ``index``."""
        if text.word(index) not in ('in', 'with') or not self.draws:
            return index
        for i in range(index + 1, min(index + 6, len(text))):
            if text.word(i) not in ('style', 'styles') or not self.is_inside(text, index + 1, i):
                continue
            if text.word(i + 1) == 'of':
                end = i + 2
                while end < len(text) and text.tag(end).startswith(('NN', 'JJ', 'DT', 'POS')):
                    end += 1
                return end
            if any(self.style_length(text, k) for k in range(index + 1, i)):
                return i + 1
        return index

    def after_coordinate(self, text: TaggedCaption, index: int) -> int:
        """Return the end of 'and ink' or 'on paper' at ``index``."""
        if text.word(index) == 'and':
            length = self.media.length(text.words, index + 1)
            if length:
                index += 1 + length
        return self.after_surface(text, index)

    def after_place(self, text: TaggedCaption, start: int, index: int) -> int:
        """Return the end of the place of a setting: 'with snow *on the roof*'."""
        if text.word(start) == 'with' and text.word(index) in ('on', 'all'):
            i = index + 1
            while i < len(text) and text.tag(i).startswith(('DT', 'JJ', 'PRP$', 'IN')):
                i += 1
            if text.is_noun(i):
                return i + 1
        return index

    def kept(self, text: TaggedCaption, index: int) -> bool:
        """Return whether a word belongs to the name of a thing to keep."""
        return any(
            k <= index < k + self.keep.length(text.words, k)
            for k in range(max(0, index - 3), index + 1)
        )

    def parts(self, text: TaggedCaption) -> Iterator[tuple[int, int]]:
        """Yield start and end of the parts between punctuation marks."""
        start = 0
        for i in range(len(text) + 1):
            if text.is_mark(i):
                if i > start:
                    yield start, i
                start = i + 1
