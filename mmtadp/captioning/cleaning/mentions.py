"""Rules that find mentions of a style in a tagged caption."""

from collections.abc import Callable

from .grammar import ARTICLES, CONTAINERS, StyleGrammar
from .tagged import TaggedCaption
from .vocabulary import Phrases

Rule = Callable[[TaggedCaption], set[int]]

_PREPOSITIONS = frozenset(
    [
        'in',
        'with',
        'at',
        'during',
        'through',
        'under',
        'on',
        'after',
        'into',
        'by',
        'against',
        'over',
        'from',
        'throughout',
        'within',
    ]
)
# "painting OF a dog".
_CONNECTORS = Phrases(
    [
        *('of', 'showing', 'depicting', 'featuring', 'with', 'shows', 'depicts', 'features'),
        *('that shows', 'that depicts', 'which shows', 'which depicts', 'is of', 'where', 'about'),
    ]
)
_OPENINGS = Phrases(['this is', 'there is', 'here is', "it 's", 'it is', 'these are'])
# Other words of a medium line: "original watercolor on fine art paper, framed".
_MEDIUM_WORDS = frozenset(
    [
        'a',
        'an',
        'the',
        'on',
        'in',
        'and',
        'by',
        'with',
        'of',
        'from',
        'style',
        'art',
        'original',
        'fine',
        'digital',
        'handmade',
        'hand',
        'framed',
        'mixed',
        'media',
        'artwork',
        'signed',
        'limited',
        'edition',
        'colored',
        'coloured',
        'black',
        'white',
        'graphic',
        'download',
        'stock',
        'print',
        'prints',
    ]
)
_MAKERS = frozenset(['artist', 'painter', 'illustrator'])


class Mentions(StyleGrammar):
    """Find one mention of a style at a time."""

    def rules(self) -> list[Rule]:
        """Return the rules, in the order in which to try them; each returns the words to drop."""
        return [
            self.phrase,
            self.title,
            self.medium_line,
            self.maker,
            self.manner,
            self.trace,
            self.setting,
            self.label,
            self.attribute,
        ]

    def phrase(self, text: TaggedCaption) -> set[int]:
        """Find phrases that are always removed."""
        for i in range(len(text)):
            length = self.phrases.length(text.words, i)
            if length:
                return set(range(i, i + length))
        return set()

    def title(self, text: TaggedCaption) -> set[int]:
        """Find '*a watercolor painting of* a dog', '*a foggy day with* cars'."""
        for start in self.clauses(text):
            i = start + _OPENINGS.length(text.words, start)
            head, end = self.noun_phrase(text, i)
            container = CONTAINERS.length(text.words, head) if head >= 0 else 0
            if container and text.word(head + container) in ('of', 'from'):
                head, end = self.noun_phrase(text, head + container + 1)
                container = 0
            if head < 0 or (not container and not self.is_head(text, i, head)):
                continue
            if container and not self.has_style(text, i, head):
                continue
            end = self.after_surface(text, end)
            end = self.after_manner(text, end)
            end += text.word(end) == ','
            connector = _CONNECTORS.length(text.words, end)
            time = self.times.length(text.words, head)
            if not connector and time and text.word(end) in ('on', 'in', 'at'):
                connector = 1
            if connector and end + connector < len(text):
                return set(range(start, end + connector))
        return set()

    def medium_line(self, text: TaggedCaption) -> set[int]:
        """Find parts between marks that mention the style only: 'a dog*, ink on paper*'."""
        for start, end in self.parts(text):
            stylish, i = False, start
            while i < end:
                length = self.style_length(text, i)
                if length:
                    stylish = True
                elif text.word(i) == 'by' and (stylish or self.makes.length(text.words, i - 1)):
                    stylish, i = True, end
                    break
                elif self.makes.length(text.words, i):
                    length = self.makes.length(text.words, i)
                elif text.word(i) in _MEDIUM_WORDS:
                    length = 1
                else:
                    break
                i += length
            if stylish and i == end:
                return set(range(max(0, start - 1) if start else 0, end))
        return set()

    def maker(self, text: TaggedCaption) -> set[int]:
        """Find 'a dog *painted by jane doe*', 'a dog *by artist jane doe*'."""
        for i in range(1, len(text)):
            if text.word(i) != 'by':
                continue
            end = next((j for j in range(i, len(text)) if text.is_mark(j)), len(text))
            j = i + 1 + (text.word(i + 1) in ARTICLES)
            if self.is_make(text, i - 1) or text.word(j) in _MAKERS:
                start = i - 1 if self.is_make(text, i - 1) else i
                return set(range(start, end))
            for k in range(max(0, i - 4), i):
                if k + self.works.length(text.words, k) == i and self.works_here(text, k):
                    return set(range(i, end))
        return set()

    def manner(self, text: TaggedCaption) -> set[int]:
        """Find 'a dog *in the style of monet*', 'a dog *drawn in comic style*'."""
        for i in range(len(text)):
            end = self.after_manner(text, i)
            if end > i:
                return set(range(self.with_make(text, i), end))
        return set()

    def trace(self, text: TaggedCaption) -> set[int]:
        """Find 'a parrot *with watercolor splatters*'."""
        for i in range(1, len(text)):
            if text.word(i) not in _PREPOSITIONS and text.tag(i) != 'CC':
                continue
            for j in range(i + 1, min(i + 8, len(text))):
                length = self.traces.length(text.words, j)
                if length:
                    break
            else:
                continue
            if not self.is_inside(text, i + 1, j):
                continue
            end = j + length
            stylish = any(self.style_length(text, k) for k in range(i + 1, j))
            if text.word(end) == 'of' and self.style_length(text, end + 1):
                end, stylish = end + 1 + self.style_length(text, end + 1), True
            if not stylish and text.word(j - 1) != 'brush':
                continue
            if text.word(end) in ('around', 'on', 'over', 'behind') and text.tag(
                end + 1
            ).startswith('PRP'):
                end += 2
            return set(range(self.with_make(text, i), end))
        return set()

    def setting(self, text: TaggedCaption) -> set[int]:
        """Find 'a street *at night*', 'a car *covered in snow*', '*on a rainy day*'."""
        for i in range(len(text)):
            if text.word(i) not in _PREPOSITIONS:
                continue
            for j in range(i + 1, min(i + 7, len(text))):
                if not self.is_inside(text, i + 1, j):
                    break
                if self.kept(text, j):
                    continue
                length = self.settings.length(text.words, j)
                if text.word(i) == 'in' or self.is_make(text, i - 1):
                    length = max(length, self.media.length(text.words, j))
                elif text.word(i) == 'with' and self.draws:
                    length = max(length, self.styles.length(text.words, j))
                work = self.works.length(text.words, j) if text.word(i) == 'in' else 0
                if work > length and text.is_mark(j + work):
                    length = work
                time = self.times.length(text.words, j)
                if time and (self.has_style(text, i + 1, j) or length):
                    length = max(length, time)
                if length and self.ends_phrase(text, j + length):
                    end = self.after_coordinate(text, j + length)
                    end = self.after_place(text, i, end)
                    return set(range(self.with_make(text, i), end))
        return set()

    def label(self, text: TaggedCaption) -> set[int]:
        """Find 'a flamingo *art print*', 'an old man*'s portrait*' that end a noun phrase."""
        places = ((i, *part) for part in self.parts(text) for i in range(part[0] + 1, part[1]))
        for i, start, end in places:
            length = self.works.length(text.words, i)
            if self.draws:
                length = max(length, self.styles.length(text.words, i))
            after = i + length
            if not length or not text.is_noun(i) or self.kept(text, i):
                continue
            if end not in (after, self.after_coordinate(text, after)):
                continue
            noun = i - 1
            while noun > start and self.style_length(text, noun):
                noun -= 1
            before = [text.tag(k) for k in range(start, i)]
            if all(tag.startswith(('NN', 'JJ', 'DT', 'CD', 'POS')) for tag in before):
                if text.tag(noun) == 'POS':
                    return set(range(noun, end))
                if text.is_noun(noun):
                    return set(range(noun + 1, end))
        return set()

    def attribute(self, text: TaggedCaption) -> set[int]:
        """Find 'a *cartoon* cat', 'a *dark* street'."""
        for i in range(len(text)):
            length = self.modifier_words.length(text.words, i)
            if not length or self.kept(text, i) or self.works.length(text.words, i) > length:
                continue
            word = ' '.join(text.words[i : i + length]).replace('-', ' ')
            after = i + length
            after += text.word(after) == '-'
            if text.word(after) == 'and' and text.tag(after + 1).startswith('JJ'):
                continue
            # Other attributes may stand between.
            noun = after
            while text.tag(noun).startswith(('JJ', 'VBN')) and not text.is_noun(noun):
                noun += 1
            nouns = self.modifiers.get(word)
            if nouns is not None:
                rest = ' '.join(text.words[noun:])
                fits = any(f'{rest} '.startswith((f'{n} ', f'{n}s ')) for n in nouns)
            else:
                fits = text.is_noun(noun) or text.tag(noun).startswith('VBG')
            if fits:
                return set(range(i, after))
        return set()
