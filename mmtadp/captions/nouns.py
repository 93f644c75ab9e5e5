"""Find the nouns of a caption with NLTK's tagger."""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mmtadp.utils.errors import RunError

if TYPE_CHECKING:
    from nltk.tag import PerceptronTagger
    from nltk.tokenize import NLTKWordTokenizer

TAGGER_DATA = 'averaged_perceptron_tagger_eng'
# Singular and plural common nouns. Proper nouns (NNP, NNPS) are not taken, as published.
NOUN_TAGS = frozenset(('NN', 'NNS'))

# The word tokenizer takes a full stop off the end of a text only, so 'a cat. it sleeps' would hold
# the word 'cat.'. After a letter only: '2. a cat' is one sentence.
_SENTENCE_END = re.compile(r'(?<=[^\W\d_][.!?])\s+')


class TaggerDataError(RunError, LookupError):
    """The data of NLTK's tagger are missing on this machine."""


class _Tools(NamedTuple):
    tokenizer: 'NLTKWordTokenizer'
    tagger: 'PerceptronTagger'


@cache
def load_tagger() -> _Tools:
    """Load NLTK's word tokenizer and English tagger, once per process.

    The tokenizer needs no data. The tagger's data are searched for in the folders of the
    environment variable ``NLTK_DATA``, then in ``~/nltk_data`` and NLTK's other folders.

    Raises:
        TaggerDataError: If the tagger's data are missing.
    """
    # Here, not above: most runs need no nouns, and NLTK takes a second to import.
    import nltk
    from nltk.tag import PerceptronTagger
    from nltk.tokenize import NLTKWordTokenizer

    try:
        tagger = PerceptronTagger()
    except LookupError as error:
        raise TaggerDataError(
            f'the nouns of captions need the NLTK data package {TAGGER_DATA}, which is in none of '
            f'{", ".join(nltk.data.path)}. Fetch it with `python -m nltk.downloader {TAGGER_DATA}`'
            ', or set the environment variable NLTK_DATA to a folder that holds '
            f'taggers/{TAGGER_DATA}.'
        ) from error
    return _Tools(NLTKWordTokenizer(), tagger)


# Captions repeat in every epoch, and many images share one.
@lru_cache(maxsize=1 << 16)
def find_nouns(caption: str) -> tuple[str, ...]:
    """Find the nouns of a caption (TADP, Sec. 4.2, "nouns only").

    Words with NLTK's tags NN or NNS, spelled as in the caption, in its order, each at its first
    occurrence only. The published code splits a caption into sentences with NLTK's Punkt model;
    here a letter, a full stop, exclamation or question mark, and white space end a sentence, which
    needs no further data.

    Args:
        caption (str): Any text.

    Returns:
        tuple[str]: The nouns; empty if the caption has none.

    Raises:
        TaggerDataError: If the tagger's data are missing.
    """
    tokenizer, tagger = load_tagger()
    tagged = (
        pair
        for sentence in _SENTENCE_END.split(caption)
        for pair in tagger.tag(tokenizer.tokenize(sentence))
    )
    return tuple(dict.fromkeys(word for word, tag in tagged if tag in NOUN_TAGS))
