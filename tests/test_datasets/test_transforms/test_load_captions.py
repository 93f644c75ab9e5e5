import copy
import json
import pickle

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from torch.utils.data import DataLoader

from mmtadp.datasets.transforms import CaptionLoadTransform, CaptionNotFoundError
from mmtadp.registry import TRANSFORMS


@pytest.fixture
def ann_file(tmp_path):
    path = tmp_path / 'captions.json'
    captions = {'a': 'a dog', 'b': {'captions': ['one', 'two', 'three'], 'class_label': 1}}
    path.write_text(json.dumps(captions))
    return str(path)


@pytest.fixture
def log(request, tmp_path):
    """Return the file of mmengine's current logger, which forked workers write to as well."""
    path = tmp_path / 'run.log'
    MMLogger.get_instance(request.node.name, log_file=str(path))
    yield path
    MMLogger._instance_dict.pop(request.node.name)


def test_registered_in_both_scopes(ann_file):
    for registry, name in (
        (TRANSFORMS, 'CaptionLoadTransform'),
        (ROOT_TRANSFORMS, 'CaptionLoadTransform'),
        (ROOT_TRANSFORMS, 'mmtadp.CaptionLoadTransform'),
    ):
        assert type(registry.build(dict(type=name, ann_file=ann_file))) is CaptionLoadTransform


def test_caption_is_added(ann_file):
    transform = CaptionLoadTransform(ann_file)
    results = dict(img_path='/data/a.jpg', label=1)
    assert transform(results) == dict(img_path='/data/a.jpg', label=1, caption='a dog')
    assert transform(dict(img_path='b.png'))['caption'] == 'one'
    assert repr(transform) == (
        f"CaptionLoadTransform(ann_file='{ann_file}', key='auto', missing='error', select='first')"
    )


def test_random_caption_follows_numpy_seed(ann_file):
    transform = CaptionLoadTransform(ann_file, select='random')

    def draw():
        np.random.seed(0)
        return [transform(dict(img_path='b.png'))['caption'] for _ in range(300)]

    drawn = draw()
    assert draw() == drawn
    for caption in ('one', 'two', 'three'):
        assert 75 < drawn.count(caption) < 125
    # A single caption takes no random number: other transforms see the same ones.
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    transform(dict(img_path='a.png'))
    assert np.random.rand() == expected


def test_a_missing_image_is_an_error(ann_file):
    with pytest.raises(CaptionNotFoundError) as error:
        CaptionLoadTransform(ann_file)(dict(img_path='/data/aa.jpg'))
    for word in (ann_file, '/data/aa.jpg', "'a'", "missing='null'"):
        assert word in str(error.value)


def test_a_sample_without_path_is_an_error(ann_file):
    for results in (dict(img=0), dict(img=0, img_path=None)):
        with pytest.raises(ValueError, match=r"results\['img_path'\].*it has: img"):
            CaptionLoadTransform(ann_file)(results)


def test_bad_files_fail_at_build_time(tmp_path):
    with pytest.raises(FileNotFoundError, match='caption file not found'):
        TRANSFORMS.build(dict(type='CaptionLoadTransform', ann_file=str(tmp_path / 'no.json')))
    (tmp_path / 'blank.json').write_text('{"a": "", "b": ""}')
    with pytest.raises(ValueError, match=r"'a' is empty \(and 1 more.*missing='null'"):
        CaptionLoadTransform(tmp_path / 'blank.json')


@pytest.mark.parametrize('argument', [dict(missing='skip'), dict(select='last'), dict(key='path')])
def test_bad_arguments_name_the_argument(ann_file, argument):
    ((name, value),) = argument.items()
    with pytest.raises(ValueError, match=f'{name} must be one of .* got {value!r}'):
        CaptionLoadTransform(ann_file, **argument)


def test_null_text_for_missing_images(tmp_path, log):
    (tmp_path / 'some.json').write_text(json.dumps({'0': 'a dog', '1': ' '}))
    transform = CaptionLoadTransform(tmp_path / 'some.json', missing='null')
    captions = [transform(dict(img_path=f'{n}.png'))['caption'] for n in range(150)]
    assert captions == ['a dog'] + [''] * 149
    text = log.read_text()
    assert "the caption of '1' is empty; left out" in text
    assert text.count("missing='null'") == 3
    for warning in ('1 of 2 samples', '10 of 11 samples', '100 of 101 samples'):
        assert warning in text


def test_each_worker_warns_once(ann_file, log):
    transform = CaptionLoadTransform(ann_file, missing='null')
    images = [dict(img_path=f'{n}.png') for n in range(9)]
    loader = DataLoader(
        images, num_workers=2, collate_fn=lambda batch: [transform(s) for s in batch]
    )
    assert [sample['caption'] for (sample,) in loader] == [''] * 9
    assert log.read_text().count('1 of 1 samples of this process had no caption') == 2


def test_copies_share_the_captions(ann_file):
    transform = CaptionLoadTransform(ann_file)
    assert CaptionLoadTransform(ann_file, select='random').store is transform.store
    assert copy.deepcopy(transform).store is transform.store
    unpickled = pickle.loads(pickle.dumps(transform))
    assert unpickled(dict(img_path='a.png'))['caption'] == 'a dog'
