"""Words that mention a style, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from mmtadp.utils.errors import RunError

_FOLDER = Path(__file__).parent / 'styles'

# The styles that come with the package.
STYLES = tuple(sorted(path.stem for path in _FOLDER.glob('*.yaml')))


@dataclass(frozen=True)
class Vocabulary:
    """Words and phrases in mentions of a style.

    Words are lower-case; a phrase has its words separated by spaces and matches hyphens too.

    Attributes:
        description (str): Description of the style, for a language model.
        works (list[str]): Names of an image of the style, in the singular: 'painting'.
        styles (list[str]): Attributes of any noun, also after 'in': 'watercolor'.
        modifiers (dict[str, list[str]]): Attributes of some nouns only: 'dark' of 'street'.
        materials (list[str]): Attributes of works, also after 'in': 'pencil'.
        surfaces (list[str]): Surfaces of works: 'paper'.
        settings (list[str]): Nouns after prepositions: at 'night'.
        times (list[str]): Settings if they have an attribute of the style: on a rainy 'day'.
        traces (list[str]): Traces of a style, in the singular: 'splatter'.
        makes (list[str]): Participles before one of these: 'painted' in watercolor.
        phrases (list[str]): Phrases that are always removed.
        keep (list[str]): Things whose names contain such a word: 'fog lights'.
    """

    description: str
    works: Sequence[str] = ()
    styles: Sequence[str] = ()
    modifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    materials: Sequence[str] = ()
    surfaces: Sequence[str] = ()
    settings: Sequence[str] = ()
    times: Sequence[str] = ()
    traces: Sequence[str] = ()
    makes: Sequence[str] = ()
    phrases: Sequence[str] = ()
    keep: Sequence[str] = ()

    @classmethod
    def load(cls, style: str) -> 'Vocabulary':
        """Read a vocabulary.

        Args:
            style (str): One of :data:`STYLES`, or a YAML file with this class's attributes.

        Raises:
            RunError: If there is no such style or file, or the file has another content.
        """
        path = _FOLDER / f'{style}.yaml' if style in STYLES else Path(style)
        if not path.is_file():
            raise RunError(
                f'style {style!r}: expected one of {", ".join(STYLES)}, or a YAML file with a '
                f'vocabulary such as {_FOLDER / "night.yaml"}.'
            )
        try:
            content = yaml.safe_load(path.read_text(encoding='utf-8'))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RunError(f'{path}: not YAML: {error}') from error
        return cls._checked(content, path)

    @classmethod
    def _checked(cls, content: object, path: Path) -> 'Vocabulary':
        known = [item.name for item in fields(cls)]
        if not isinstance(content, dict) or not isinstance(content.get('description'), str):
            raise RunError(f'{path}: expected "description" and some of {known[1:]}.')
        for name, value in content.items():
            if name not in known:
                raise RunError(f'{path}: unknown {name!r}: expected some of {known}.')
            lists = {name: value}
            if name == 'modifiers' and isinstance(value, dict):
                lists = value
            elif name == 'description':
                continue
            for key, words in lists.items():
                if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
                    raise RunError(f'{path}: {key!r} is {words!r}, not a list of words.')
        return cls(**content)

    def words(self) -> list[str]:
        """Return words and phrases that mention the style, to count them; without materials."""
        plural = [work + 's' for work in self.works]
        modified = [f'{word} {noun}' for word, nouns in self.modifiers.items() for noun in nouns]
        return sorted(
            {*self.works, *plural, *self.styles, *self.settings, *self.phrases, *modified}
        )


class Phrases:
    """Find phrases in a list of words.

    Args:
        phrases (Sequence[str]): Words, separated by spaces within a phrase.
        plural (bool): Whether to find regular plurals too.
    """

    def __init__(self, phrases: Sequence[str], plural: bool = False):
        known = set(phrases)
        if plural:
            for phrase in phrases:
                known.add(phrase + ('es' if phrase.endswith(('sh', 'ch', 's')) else 's'))
        self._known = frozenset(known)
        self._longest = max((phrase.count(' ') + 1 for phrase in known), default=0)

    def length(self, words: Sequence[str], start: int) -> int:
        """Return the number of words of the longest phrase at ``start``, or 0."""
        for count in range(min(self._longest, len(words) - start), 0, -1):
            text = ' '.join(words[start : start + count]).replace('-', ' ')
            if text in self._known or ' '.join(words[start : start + count]) in self._known:
                return count
        return 0
