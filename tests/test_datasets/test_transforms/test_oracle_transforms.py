from itertools import product

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS

from mmtadp.datasets import OracleCaptionTransform, OracleCropTransform
from mmtadp.registry import TRANSFORMS

NAMES = ('background', 'cat', 'dining table', 'dog')


def mask(*labels: int) -> dict:
    return dict(img_path='images/a.png', gt_seg_map=np.array([labels], dtype=np.uint8))


def test_registered_in_both_scopes():
    for cls, options in (
        (OracleCaptionTransform, dict(class_names=NAMES)),
        (OracleCropTransform, dict()),
    ):
        for registry, prefix in (
            (TRANSFORMS, ''),
            (ROOT_TRANSFORMS, ''),
            (ROOT_TRANSFORMS, 'mmtadp.'),
        ):
            assert type(registry.build(dict(type=prefix + cls.__name__, **options))) is cls


def test_names_of_a_mask_in_class_order():
    transform = OracleCaptionTransform(NAMES)
    results = transform(mask(3, 255, 0, 2, 2))
    assert results['caption'] == 'background dining table dog'
    assert results['oracle_labels'] == (
        ((0, 'background'), (2, 'dining table'), (3, 'dog')),
        {0, 2, 3},
        255,
    )
    assert transform(mask(255, 255))['caption'] == ''
    assert OracleCaptionTransform(NAMES, ignore_index=2)(mask(1, 2))['caption'] == 'cat'
    # Masks of any integer type.
    results = dict(gt_seg_map=np.array([[1, -100]], dtype=np.int64))
    assert OracleCaptionTransform(NAMES, ignore_index=-100)(results)['caption'] == 'cat'


def test_names_of_boxes_without_the_ignored():
    transform = OracleCaptionTransform(NAMES)
    results = dict(gt_bboxes_labels=np.array([3, 1, 3, 2]))
    assert transform(dict(results))['caption'] == 'cat dining table dog'
    flags = np.array([False, True, True, False])
    assert transform(dict(results, gt_ignore_flags=flags))['caption'] == 'dining table dog'
    none = dict(gt_bboxes_labels=np.zeros(0, dtype=np.int64), gt_ignore_flags=np.zeros(0, bool))
    assert transform(none)['caption'] == ''


def test_repr():
    assert repr(OracleCaptionTransform(['a', 'b'], 0.5, always_named=['a'])) == (
        "OracleCaptionTransform(class_names=('a', 'b'), precision=0.5, recall=1.0, seed=0, "
        "always_named=('a',), ignore_index=255)"
    )
    assert repr(OracleCropTransform()) == 'OracleCropTransform()'


def random_masks(num_classes: int, mean: float, count: int) -> list[dict]:
    """Masks with label 0 and a binomial number of others."""
    rng = np.random.RandomState(0)
    return [
        dict(
            img_path=f'images/{index}.png',
            gt_seg_map=np.array(
                [[0, *(1 + np.flatnonzero(rng.rand(num_classes - 1) < mean / num_classes))]]
            ),
        )
        for index in range(count)
    ]


# ADE20K has 150 classes and 8 to 9 of them per image; VOC 21, and 1.5 beside background.
@pytest.mark.parametrize(
    ('num_classes', 'mean', 'always_named'), [(150, 8.5, ()), (21, 1.5, ('0',))]
)
@pytest.mark.parametrize(('precision', 'recall'), [*product((0.5, 0.75, 1.0), repeat=2)])
def test_achieved_precision_and_recall(num_classes, mean, always_named, precision, recall):
    transform = OracleCaptionTransform(
        [str(label) for label in range(num_classes)], precision, recall, 0, always_named
    )
    right = given = due = 0
    for results in random_masks(num_classes, mean, 2000):
        present = set(np.unique(results['gt_seg_map']).tolist())
        labels = [int(name) for name in transform(results)['caption'].split()]
        assert labels == sorted(labels)
        if always_named:
            assert labels[0] == 0
            labels = labels[1:]
            present.remove(0)
        # Within one of what was asked for, in every image.
        kept = len(present.intersection(labels))
        assert abs(kept - recall * len(present)) < 1
        assert abs(len(labels) - kept - kept * (1 - precision) / precision) < 1
        right, given, due = right + kept, given + len(labels), due + len(present)
    assert right / given == pytest.approx(precision, abs=0.02)
    assert right / due == pytest.approx(recall, abs=0.02)


def test_every_class_is_dropped_and_added():
    transform = OracleCaptionTransform([str(n) for n in range(10)], 0.5, 0.5)
    counts = np.zeros(10)
    for index in range(1000):
        results = dict(img_path=f'{index}.png', gt_seg_map=np.array([[0, 1, 2, 3]]))
        for name in transform(results)['caption'].split():
            counts[int(name)] += 1
    assert counts[:4] == pytest.approx(500, abs=60)
    assert counts[4:] == pytest.approx(1000 / 3, abs=60)


def test_choices_are_the_images_own():
    names = [str(n) for n in range(50)]
    labels = np.arange(20)[None]

    def caption(img_path, seed=0):
        transform = OracleCaptionTransform(names, 0.75, 0.75, seed)
        return transform(dict(img_path=img_path, gt_seg_map=labels))['caption']

    first = caption('data/ade/images/training/a.jpg')
    # As drawn by another process, whose str has another hash.
    assert first == '0 2 3 5 6 7 8 10 11 14 15 16 17 18 19 23 24 42 46 47'
    np.random.seed(3)
    assert caption('/elsewhere/training/a.jpg') == first
    others = [
        caption('data/ade/images/validation/a.jpg'),
        caption('data/ade/images/training/b.jpg'),
        caption('data/ade/images/training/a.jpg', seed=1),
    ]
    assert len({first, *others}) == 4


def test_as_many_as_there_are():
    results = OracleCaptionTransform(['a', 'b', 'c'], precision=0.25)(
        dict(img_path='a.png', gt_seg_map=np.array([[0, 2]]))
    )
    assert results['caption'] == 'a b c'


def test_a_crop_takes_names_away():
    oracle, crop = OracleCaptionTransform(NAMES), OracleCropTransform()
    results = oracle(mask(0, 1, 2, 3))
    results['gt_seg_map'] = results['gt_seg_map'][:, 1:3]
    assert crop(results)['caption'] == 'cat dining table'
    results['gt_seg_map'] = results['gt_seg_map'][:, 1:]
    assert crop(results)['caption'] == 'dining table'
    results['gt_seg_map'] = np.full((1, 1), 255)
    assert crop(results)['caption'] == ''

    results = oracle(dict(gt_bboxes_labels=np.array([1, 2, 3])))
    results['gt_bboxes_labels'] = np.array([3, 2])
    results['gt_ignore_flags'] = np.array([True, False])
    assert crop(results)['caption'] == 'dining table'


def test_a_crop_keeps_what_was_wrong_before():
    names = [str(n) for n in range(40)]
    oracle, crop = OracleCaptionTransform(names, 0.5, 0.5), OracleCropTransform()
    results = oracle(dict(img_path='a.png', gt_seg_map=np.arange(20)[None]))
    before = [int(name) for name in results['caption'].split()]
    assert len(before) == 20
    assert sum(label < 20 for label in before) == 10
    results['gt_seg_map'] = results['gt_seg_map'][:, :8]
    after = [int(name) for name in crop(results)['caption'].split()]
    # Neither those that were not named nor other wrong ones come in.
    assert after == [label for label in before if label < 8 or label >= 20]


@pytest.mark.parametrize(
    ('options', 'problem'),
    [
        (dict(class_names='cat'), "class_names='cat': expected a list of names"),
        (dict(class_names=[1]), r'class_names=\[1\]: expected a list of names'),
        (dict(class_names=['cat'], always_named='cat'), "always_named='cat': expected a list"),
        (dict(class_names=['cat'], always_named=['dog']), "always_named.*: 'dog' not among"),
        (dict(class_names=['cat'], precision=0), 'precision=0: expected a share above 0'),
        (dict(class_names=['cat'], recall=75), 'recall=75: expected a share above 0, at most 1'),
    ],
)
def test_bad_arguments(options, problem):
    with pytest.raises(ValueError, match=problem):
        OracleCaptionTransform(**options)


def test_a_label_without_a_name_is_an_error():
    problem = r'no name for label 4, 9 of images/a\.png: class_names has 4, for labels 0 to 3'
    with pytest.raises(ValueError, match=problem):
        OracleCaptionTransform(NAMES)(mask(1, 9, 4))


def test_samples_that_lack_something():
    with pytest.raises(ValueError, match='it has: img.*LoadAnnotations before it'):
        OracleCaptionTransform(NAMES)(dict(img=0))
    with pytest.raises(ValueError, match=r"draws names by results\['img_path'\]"):
        OracleCaptionTransform(NAMES, recall=0.5)(dict(gt_seg_map=np.zeros((1, 1))))
    with pytest.raises(ValueError, match='OracleCaptionTransform before the crop'):
        OracleCropTransform()(mask(1))
    results = OracleCaptionTransform(NAMES)(mask(1))
    results['caption'] = 'a photo of a cat'
    with pytest.raises(ValueError, match="rewritten 'cat' to 'a photo of a cat'"):
        OracleCropTransform()(results)
