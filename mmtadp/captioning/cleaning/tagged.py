"""Split a caption into words with parts of speech, and remove words from it."""

import re
from collections.abc import Collection

from mmtadp.captions.nouns import load_tagger

_WORD = re.compile(r"\w+(?:-\w+)*|'s\b|'\w+|[^\w\s]")
# Written with a vowel, spoken with a consonant, and the other way round.
_SPOKEN_CONSONANT = re.compile(r'uni(?!n|m)|use|usu|eu|one\b|once|ut(?:ensil|ility)|ukulele')
_SPOKEN_VOWEL = re.compile(r'hour|honest|honou?r|heir')


class TaggedCaption:
    """A caption, its words, and their tags.

    Args:
        text (str): The caption, in one line.

    Attributes:
        text (str): As given.
        words (list[str]): Words and punctuation marks, in lower case.
        tags (list[str]): Penn Treebank tags from NLTK's tagger.
    """

    def __init__(self, text: str):
        self.text = text
        self._spans = [match.span() for match in _WORD.finditer(text)]
        spelled = [text[start:end] for start, end in self._spans]
        self.words = [word.lower().replace('’', "'") for word in spelled]
        self.tags = [tag for _, tag in load_tagger().tagger.tag(spelled)]

    def __len__(self) -> int:
        return len(self.words)

    def word(self, index: int) -> str:
        """Return the word at an index, '' outside."""
        return self.words[index] if 0 <= index < len(self) else ''

    def tag(self, index: int) -> str:
        """Return the tag at an index, '' outside."""
        return self.tags[index] if 0 <= index < len(self) else ''

    def is_noun(self, index: int) -> bool:
        """Return whether a word is a noun."""
        return self.tag(index).startswith('NN')

    def is_mark(self, index: int) -> bool:
        """Return whether there is a punctuation mark or the caption's end."""
        word = self.word(index)
        return not word or not (word[0].isalnum() or word[0] == "'")

    def without(self, dropped: Collection[int]) -> str:
        """Return the caption without some words.

        Args:
            dropped (Collection[int]): Indices of the words.

        Returns:
            str: The other words as they are spelled, except that 'a' and 'an' before a removed
            word are adapted to the next word.
        """
        pieces, previous = [], None
        for index, (start, end) in enumerate(self._spans):
            if index in dropped:
                continue
            gap = self.text[self._spans[previous][1] : start] if previous is not None else ''
            if previous is not None and previous != index - 1:
                gap = '' if self.is_mark(index) and self.words[index] not in '-–—|(' else ' '
                if pieces and pieces[-1].lower() in ('a', 'an'):
                    pieces[-1] = _article(pieces[-1], self.words[index])
            pieces += [gap, self.text[start:end]]
            previous = index
        return tidy(''.join(pieces))


def tidy(text: str) -> str:
    """Remove the remains of removed words: marks at the ends, doubled marks, spaces."""
    text = ' '.join(text.split())
    mark = r'(?:\s*[,;:|–—]|\s-(?=\s|$))'
    text = re.sub(rf'({mark}){mark}+', r'\1', text)
    text = re.sub(r'^(?:[\s,;:|–—.-]|and\s+(?=$))+', '', text)
    return re.sub(r'(?:\s+-+|[\s,;:|–—])+$', '', text)


def _article(article: str, following: str) -> str:
    vowel = following[:1] in 'aeiou' and not _SPOKEN_CONSONANT.match(following)
    fitting = 'an' if vowel or _SPOKEN_VOWEL.match(following) else 'a'
    return fitting.capitalize() if article[0].isupper() else fitting
