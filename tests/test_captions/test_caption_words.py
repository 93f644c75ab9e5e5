import pytest

from mmtadp.captions.caption_words import CaptionWords, add_words, drop_words, shuffle_words
from mmtadp.captions.errors import CaptioningError

NAMES = ('background', 'cat', 'plant', 'potted plant', 'dining table', 'dog')
words = CaptionWords()
names = CaptionWords(NAMES, fixed=['background'])


def test_units():
    assert words.split(' a  potted plant\n') == ['a', 'potted', 'plant']
    assert names.split('potted plant plant  dog') == ['potted plant', 'plant', 'dog']
    assert names.split('') == []
    assert names.vocabulary([]) == list(NAMES)
    assert words.vocabulary(['a dog', 'the dog']) == ['a', 'dog', 'the']
    with pytest.raises(CaptioningError, match="6 class names: none is at 'dogs'"):
        names.split('cat dogs')
    with pytest.raises(CaptioningError, match='expected distinct ones'):
        CaptionWords(['cat', 'cat'])


def test_shuffle_keeps_names_whole():
    orders = {shuffle_words('cat potted plant dog', names, 0, str(own)) for own in range(100)}
    assert len(orders) == 6 and all('potted plant' in order for order in orders)
    assert len({shuffle_words('a b c', words, seed, 'x') for seed in range(100)}) == 6
    assert shuffle_words('a b c d e f', words, 3, 'x') == shuffle_words(
        'a b c d e f', words, 3, 'x'
    )


def test_drop():
    caption = 'background cat plant dog'
    left = [drop_words(caption, names, 0, str(i), probability=0.25) for i in range(2000)]
    assert all(text.startswith('background') for text in left)
    assert sum('cat' in text for text in left) == pytest.approx(1500, abs=60)
    assert drop_words(caption, names, 0, 'x', probability=1) == 'background'
    assert drop_words(caption, names, 0, 'x', probability=0) == caption
    # As published: one is left.
    assert len(drop_words(caption, names, 0, 'x', count=9).split()) == 2
    assert len(drop_words('a b c d', words, 0, 'x', count=1).split()) == 3
    assert drop_words('', words, 0, 'x', count=1) == ''


def test_add_names_in_class_order():
    more = [add_words('dog', names, NAMES, 0, str(i), probability=0.25) for i in range(2000)]
    assert all(text.endswith('dog') and 'background' not in text for text in more)
    assert sum('dining table' in text for text in more) == pytest.approx(500, abs=60)
    assert add_words('dog', names, NAMES, 0, 'x', probability=1) == (
        'cat plant potted plant dining table dog'
    )
    assert add_words('dog cat', names, NAMES, 0, 'x', probability=0) == 'cat dog'
    assert len(names.split(add_words('dog', names, NAMES, 0, 'x', count=2))) == 3


def test_add_words():
    vocabulary = ['a', 'cat', 'dog', 'the']
    assert set(add_words('a dog', words, vocabulary, 0, 'x', count=9).split()) == set(vocabulary)
    more = [add_words('a dog', words, vocabulary, 0, str(i), probability=0.5) for i in range(2000)]
    assert sum(len(text.split()) for text in more) == pytest.approx(6000, abs=100)
    places = {text for text in more if len(text.split()) == 3}
    assert {'the a dog', 'a the dog', 'a dog the'} <= places
    assert add_words('', words, vocabulary, 0, 'x', probability=1) == ''
