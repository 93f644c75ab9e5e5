import pytest

from mmtadp.captioning.cleaning.tagged import TaggedCaption, tidy


@pytest.mark.parametrize(
    'text, tidied',
    [
        ('- a dog', 'a dog'),
        (' a dog -', 'a dog'),
        ('a dog, , a cat', 'a dog, a cat'),
        ('a dog - - by the sea', 'a dog - by the sea'),
        ('a dog,', 'a dog'),
        ('a t-shirt - a hat.', 'a t-shirt - a hat.'),
        ('', ''),
        ('--', ''),
    ],
)
def test_tidy(text, tidied):
    assert tidy(text) == tidied


@pytest.mark.parametrize(
    'text, dropped, left',
    [
        ('a cartoon owl', {1}, 'an owl'),
        ('An old house', {1}, 'A house'),
        ('a big hour', {1}, 'an hour'),
        ('an old unicorn', {1}, 'a unicorn'),
        ('a big umbrella', {1}, 'an umbrella'),
        ("a man's comic hat, on", {3}, "a man's hat, on"),
        ('a dog at night, alone', {2, 3}, 'a dog, alone'),
        ('a owl', set(), 'a owl'),  # only what a gap has changed
    ],
)
def test_words_that_go(real_tagger, text, dropped, left):
    assert TaggedCaption(text).without(dropped) == left
