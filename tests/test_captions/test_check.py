import json

import pytest

from mmtadp.captioning.cleaning import Vocabulary
from mmtadp.captions import check_captions
from mmtadp.utils.image_sources import ImageFile, find_images


@pytest.fixture
def check(tmp_path):
    def check(captions: dict, **kwargs):
        path = tmp_path / 'captions.json'
        path.write_text(json.dumps(captions))
        return check_captions(str(path), **kwargs)

    return check


def count_tokens(texts: list[str]) -> list[int]:
    """Count words, start and end of text."""
    return [len(text.split()) + 2 for text in texts]


def images(*names: str) -> list[ImageFile]:
    return [ImageFile(f'/data/{name}', '/data') for name in names]


def found(report) -> dict[str, list[str]]:
    return {kind: cases for kind, cases in report.problems.items() if cases}


def test_nothing_wrong(check):
    report = check({'a': 'a dog', 'b': 'a cat'}, images=images('a.png', 'x/b.jpg'))
    assert (report.images, report.keys, report.policy) == (2, 2, 'stem')
    assert found(report) == {} and report.problem_kinds() == []


def test_missing_and_extra(check):
    report = check({'a': 'a dog', 'c': 'a cat'}, images=images('a.png', 'b.png'))
    assert found(report) == dict(missing=['/data/b.png'], extra=['c'])
    assert report.problem_kinds(allowed=['extra']) == ['missing']


def test_a_key_for_several_images(check):
    report = check({'a': 'a dog'}, images=images('day/a.png', 'night/a.png'))
    assert found(report) == dict(ambiguous=['a: /data/day/a.png, /data/night/a.png'])
    names = ('day/a.png', 'night/a.png')
    report = check(dict.fromkeys(names, 'a dog'), images=images(*names))
    assert report.policy == 'relpath' and found(report) == {}


def test_empty_and_repeated(check):
    report = check({'a': ['a dog', 'a dog ', 'a wolf'], 'b': {'captions': ['  ']}, 'c': []})
    assert found(report) == dict(empty=['b', 'c'], repeated=["a: 'a dog'"])
    assert report.images == 0


def test_lengths_in_tokens(check):
    captions = {'a': 'dog ' * 75, 'b': 'dog ' * 76, 'c': 'dog'}
    report = check(captions, count_tokens=count_tokens)
    assert report.lengths == [77, 78, 3]
    assert [case[:14] for case in report.problems['long']] == ['b: 78 tokens: ']
    assert report.problem_kinds() == ['long']


def test_words_of_a_list(check):
    captions = {
        'a': 'A Water Color painting of a dog',
        'b': 'a dog in the paintings of others',
        'c': 'watercolor, painting',
    }
    report = check(captions, words=['painting', 'water  color', 'watercolor', 'color'])
    assert report.problems['style'] == [
        "a: water color, painting: 'A Water Color painting of a dog'",
        "c: watercolor, painting: 'watercolor, painting'",
    ]
    assert report.words == {'painting': 2, 'water color': 1, 'watercolor': 1}


def test_hyphens_and_things_of_the_scene(check):
    captions = {'a': 'a night-time photo', 'b': 'an Art-Gallery', 'c': 'art in an art gallery'}
    report = check(captions, words=['night time', 'art', 'comic book'], keep=['art gallery'])
    assert [case[:2] for case in report.problems['style']] == ['a:', 'c:']
    assert report.words == {'night time': 1, 'art': 1}
    # A thing of the scene that is wanted all the same.
    report = check({'a': 'a comic book'}, words=['comic book'], keep=['comic book'])
    assert report.words == {'comic book': 1}


def test_captions_of_several_images_are_no_problem(check):
    report = check({'a': 'a dog', 'b': 'a dog', 'c': 'a cat'})
    assert report.same_text == {'a dog': 2} and report.problem_kinds() == []


def test_published_captions(shared):
    folder = shared / 'captions'
    report = check_captions(
        str(folder / 'watercolor_captions.json'),
        words=['painting', 'watercolor'],
        count_tokens=count_tokens,
    )
    assert len(report.lengths) >= report.keys
    assert report.words['painting'] > 100
    style = Vocabulary.load('watercolor')
    report = check_captions(
        str(folder / 'watercolor_captions.json'), words=style.words(), keep=style.keep
    )
    assert len(report.problems['style']) == 277
    voc = check_captions(str(folder / 'pascal_object_captions_min40_max77.json'))
    assert (voc.keys, len(voc.problems['repeated'])) == (21503, 5823)


def test_camvid(shared, tmp_path):
    photos = find_images(str(shared / 'camvid/images/validation'))
    path = tmp_path / 'captions.json'
    path.write_text(json.dumps({'0016E5_08103': 'two bicyclists', 'elsewhere': 'a dog'}))
    report = check_captions(str(path), photos)
    assert (len(report.problems['missing']), report.problems['extra']) == (25, ['elsewhere'])
