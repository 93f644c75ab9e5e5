import pickle

import pytest
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS

from mmtadp.captions import TaggerDataError
from mmtadp.datasets import NounsTransform
from mmtadp.registry import TRANSFORMS


def test_registered_in_both_scopes(tiny_tagger):
    for registry, name in (
        (TRANSFORMS, 'NounsTransform'),
        (ROOT_TRANSFORMS, 'NounsTransform'),
        (ROOT_TRANSFORMS, 'mmtadp.NounsTransform'),
    ):
        assert type(registry.build(dict(type=name))) is NounsTransform


def test_caption_becomes_its_nouns(tiny_tagger):
    transform = NounsTransform()
    results = transform(dict(caption='a black cat sits on the dogs, a cat', img=1))
    assert results == dict(caption='cat dogs', img=1)
    assert transform(dict(caption='')) == dict(caption='')
    assert repr(transform) == 'NounsTransform()'
    assert pickle.loads(pickle.dumps(transform))(dict(caption='a cat'))['caption'] == 'cat'


def test_captions_without_nouns_are_counted(tiny_tagger, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmtadp.datasets.transforms.nouns_transform.print_log',
        lambda text, **_: messages.append(text),
    )
    transform = NounsTransform()
    captions = ['a cat', '', *['black and white'] * 12]
    assert [transform(dict(caption=c))['caption'] for c in captions] == ['cat', *[''] * 13]
    # The empty caption had no noun to lose.
    assert [m.split(' captions')[0] for m in messages] == [
        'NounsTransform: 1 of 3',
        'NounsTransform: 10 of 12',
    ]
    assert all("Now: 'black and white'" in message for message in messages)


def test_missing_data_fail_at_build_time(tmp_path, use_nltk_data):
    use_nltk_data(tmp_path)
    with pytest.raises(TaggerDataError, match='averaged_perceptron_tagger_eng'):
        ROOT_TRANSFORMS.build(dict(type='mmtadp.NounsTransform'))


def test_without_a_caption_it_says_which_transform_is_missing(tiny_tagger):
    with pytest.raises(ValueError, match=r'it has: img_path.*CaptionLoadTransform before it'):
        NounsTransform()(dict(img_path='a.png'))
