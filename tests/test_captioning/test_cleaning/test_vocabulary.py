import pytest

from mmtadp.captioning.cleaning import STYLES, Vocabulary
from mmtadp.captioning.cleaning.vocabulary import Phrases
from mmtadp.utils.errors import RunError


def test_styles_of_the_package():
    assert STYLES == ('comic', 'fog', 'night', 'rain', 'snow', 'watercolor')
    for style in STYLES:
        assert len(Vocabulary.load(style).words()) >= 3
    assert 'paintings' in Vocabulary.load('watercolor').words()
    assert 'street' in Vocabulary.load('night').modifiers['dark']
    assert {'dark street', 'at night'} & set(Vocabulary.load('night').words()) == {'dark street'}


def test_own_styles(tmp_path):
    path = tmp_path / 'sepia.yaml'
    path.write_text('description: old photos\nstyles: [sepia]\nphrases: [in the old days]\n')
    assert Vocabulary.load(str(path)).words() == ['in the old days', 'sepia']
    for content, message in (
        ('styles: [sepia]', 'expected "description"'),
        ('description: x\nstyle: [sepia]', "unknown 'style'"),
        ('description: x\nstyles: sepia', "'styles' is 'sepia', not a list"),
        ('description: x\nmodifiers: {dark: street}', "'dark' is 'street', not a list"),
        ('a: [', 'not YAML'),
    ):
        path.write_text(content)
        with pytest.raises(RunError, match=message):
            Vocabulary.load(str(path))
    with pytest.raises(RunError, match="style 'oil': expected one of comic, fog, night"):
        Vocabulary.load('oil')


def test_phrases():
    phrases = Phrases(['comic', 'comic book', 'sketch'], plural=True)
    words = ['a', 'comic', 'book', 'and', 'sketches', 'comic-books']
    assert [phrases.length(words, i) for i in range(6)] == [0, 2, 0, 0, 1, 1]
    assert Phrases([]).length(words, 0) == 0
