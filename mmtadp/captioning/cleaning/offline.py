"""Remove mentions of a style from captions by a vocabulary, parts of speech and rules."""

from collections.abc import Callable

from .mentions import Mentions
from .tagged import TaggedCaption, tidy
from .vocabulary import Vocabulary

# Each round removes one mention; a caption has one to three.
_MOST_ROUNDS = 20


class OfflineCleaner:
    """Remove mentions of a style from captions (TADP, Sec. 4.3, where GPT-3.5 did it).

    Removed are:

    - names of the image: '*a watercolor painting of* a dog';
    - attributes of style: 'a *cartoon* cat', 'a *dark* street';
    - settings: 'a street *at night*', 'a dog *in the style of monet*';
    - makers and media: 'a dog*, watercolor on paper by jane doe*';
    - traces: 'a parrot *with watercolor splatters*';
    - stray hyphens at the ends.

    Everything else stays, in particular things in the scene: 'a man painting a fence', 'a
    painting on the wall', 'a car with its fog lights on'. Words are never added; 'a' and 'an' are
    adapted to the next word. A caption that mentions nothing but the style becomes empty.

    Args:
        vocabulary (Vocabulary): The style's.

    Raises:
        TaggerDataError: If the data of NLTK's tagger are missing.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self._rules: list[Callable[[TaggedCaption], set[int]]] = Mentions(vocabulary).rules()

    def __call__(self, caption: str) -> str:
        """Clean a caption.

        Args:
            caption (str): Any text.

        Returns:
            str: The cleaned caption, in one line.
        """
        text = tidy(caption)
        for _ in range(_MOST_ROUNDS):
            tagged = TaggedCaption(text)
            dropped = next(filter(None, (rule(tagged) for rule in self._rules)), None)
            if dropped is None:
                break
            text = tagged.without(dropped)
        return text
