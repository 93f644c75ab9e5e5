import json
import re
from collections import Counter

import pytest

from mmtadp.captioning.cleaning import OfflineCleaner, Vocabulary
from tests.utils.style_mentions import clean_all, is_shortened, read_labelled, score

# What GPT-3.5 was asked to remove from the authors' captions.
WORDS = [
    'watercolor',
    'painting',
    'drawing',
    'illustration',
    'depiction',
    'portrait',
    'sketch',
    'rendering',
]


@pytest.mark.parametrize(
    'style, caption, cleaned',
    [
        ('watercolor', 'a watercolor painting of a dog', 'a dog'),
        ('watercolor', '- an illustration of two birds', 'two birds'),
        ('watercolor', 'a dog and a bird, watercolor on paper', 'a dog and a bird'),
        ('watercolor', 'A watercolor owl', 'An owl'),
        ('watercolor', 'an acrylic painting of a unicorn', 'a unicorn'),
        ('watercolor', 'a man painting a fence', 'a man painting a fence'),
        ('watercolor', 'a dog - painted by jane doe', 'a dog'),
        ('watercolor', '', ''),
        ('watercolor', ' a  dog -', 'a dog'),
        ('comic', 'a man with an umbrella in comic style', 'a man with an umbrella'),
        ('night', 'a dark street at night', 'a street'),
        ('night', 'a dark car', 'a dark car'),
        ('snow', 'a dark street at night', 'a dark street at night'),
    ],
)
def test_examples(real_tagger, style, caption, cleaned):
    assert OfflineCleaner(Vocabulary.load(style))(caption) == cleaned


def test_labelled_captions(real_tagger):
    labelled = read_labelled()
    results = clean_all(labelled)
    assert len(labelled) == 206
    assert all(
        is_shortened(item.caption, result) for item, result in zip(labelled, results, strict=True)
    )
    halves = {
        half: score(
            *zip(
                *((i, r) for i, r in zip(labelled, results, strict=True) if i.half == half),
                strict=True,
            )
        )
        for half in ('tuning', 'held-out')
    }
    assert halves['tuning'].exact == halves['tuning'].captions == 103
    held_out = halves['held-out']
    assert held_out.captions == 103 and held_out.exact >= 97
    assert held_out.precision >= 0.975 and held_out.recall >= 0.96


def test_cleaning_twice_changes_nothing(real_tagger):
    cleaner = OfflineCleaner(Vocabulary.load('watercolor'))
    once = [cleaner(item.caption) for item in read_labelled() if item.style == 'watercolor']
    assert [cleaner(caption) for caption in once] == once


def test_what_gpt_left(real_tagger, shared):
    entries = json.loads((shared / 'captions' / 'watercolor_captions.json').read_text())
    captions = sorted(text for entry in entries.values() for text in entry['captions'])
    cleaner = OfflineCleaner(Vocabulary.load('watercolor'))
    results = {caption: cleaner(caption) for caption in set(captions)}
    assert all(is_shortened(caption, result) for caption, result in results.items())

    def count(texts) -> Counter:
        found = (re.findall(r'\w+', text.lower()) for text in texts)
        return Counter(word for words in found for word in set(words) if word in WORDS)

    before, after = count(captions), count(results[caption] for caption in captions)
    assert before['painting'] == 113 and before['watercolor'] == 83 and before['drawing'] == 75
    # What is left: people who paint, paintings on walls.
    assert after.total() <= 16 < 330 <= before.total()
    assert after['watercolor'] == 0
    assert sum(text.startswith('-') for text in captions) == 200
    assert not any(text.startswith('-') for text in results.values())
    # Captions without a word of painting stay as they are, but for marks and spaces at the ends.
    plain = re.compile('paint|draw|color|art|illus|depict|portrait|sketch|render', re.I)
    ends = {text: ' '.join(text.split()).strip(' -') for text in captions}
    changed = [text for text, result in results.items() if result != ends[text]]
    assert all(plain.search(text) for text in changed)
    assert len(changed) == 274
