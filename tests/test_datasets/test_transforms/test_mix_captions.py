"""Captions of images that the stock augmentations of mmdet and mmseg mix."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope

from mmtadp.datasets import MixCaptions
from mmtadp.datasets.transforms.mix_captions import join_captions
from mmtadp.models.diffusion.tokenizer import count_clip_tokens
from mmtadp.utils.errors import RunError

pytest.importorskip('mmdet')
from mmdet.structures.bbox import HorizontalBoxes  # noqa: E402
from mmdet.structures.mask import BitmapMasks  # noqa: E402


def sample(index: int, boxes: int = 1) -> dict:
    """A grey image with a box of the class of its number."""
    return dict(
        img=np.full((32, 32, 3), 20 + 40 * index, np.uint8),
        img_path=f'{index}.png',
        img_shape=(32, 32),
        caption=f'caption of image {index}',
        gt_bboxes=HorizontalBoxes(torch.tensor([[1.0, 1.0, 30.0, 30.0]] * boxes).reshape(-1, 4)),
        gt_bboxes_labels=np.array([index] * boxes),
        gt_ignore_flags=np.array([False] * boxes),
    )


class Images(BaseDataset):
    """Six samples of mmdet."""

    def load_data_list(self) -> list[dict]:
        return [dict(index=i) for i in range(6)]

    def prepare_data(self, idx: int) -> dict:
        return self.pipeline(sample(idx))


def mixed(*pipeline: dict, inner: tuple = (), scope: str = 'mmdet') -> BaseDataset:
    """The six samples in MultiImageMixDataset of mmdet."""
    init_default_scope(scope)
    dataset = DATASETS.build(dict(type='MultiImageMixDataset', dataset=dict(type=Images,
                             pipeline=list(inner)), pipeline=list(pipeline)))  # fmt: skip
    return dataset


def visible(results: dict) -> set[int]:
    """The numbers of the images whose grey values are in a mixed image."""
    values = set(np.unique(results['img']).tolist())
    return {index for index in range(6) if 20 + 40 * index in values}


def named(results: dict) -> set[int]:
    """The numbers of the images that the caption names."""
    return {int(part.rpartition(' ')[2]) for part in results['caption'].split('. ')}


MOSAIC = dict(type='Mosaic', img_scale=(32, 32), pad_val=0)


@pytest.fixture(autouse=True)
def _seed():
    random.seed(0)
    np.random.seed(0)


def test_mosaic_names_the_images_that_are_visible():
    dataset = mixed(dict(type='mmtadp.MixCaptions', mixing=MOSAIC))
    seen = [dataset[i % 6] for i in range(12)]
    for results in seen:
        assert named(results) == visible(results)
        assert len(set(results['gt_bboxes_labels'])) > 1 or len(named(results)) == 1
    assert max(len(named(results)) for results in seen) == 4
    assert seen[1]['caption'].startswith('caption of image 1. ')


def test_mosaic_alone_keeps_the_first_caption():
    results = mixed(MOSAIC)[1]
    assert results['caption'] == 'caption of image 1'
    assert len(visible(results)) > 1


def test_mixup_names_both_and_what_is_not_mixed_keeps_its_caption():
    mixup = dict(type='MixUp', img_scale=(32, 32), ratio_range=(1.0, 1.0), pad_val=0)
    dataset = mixed(dict(type='mmtadp.MixCaptions', mixing=mixup))
    captions = [dataset[2]['caption'] for _ in range(8)]
    assert all(caption.startswith('caption of image 2') for caption in captions)
    assert any('. caption of image' in caption for caption in captions)
    never = dict(type='mmtadp.MixCaptions', mixing=dict(**MOSAIC, prob=0.0))
    assert mixed(never)[3]['caption'] == 'caption of image 3'


def test_mixup_with_an_image_without_boxes_is_not_mixed():
    init_default_scope('mmdet')
    transform = MixCaptions(dict(type='MixUp', img_scale=(32, 32)))
    results = transform(dict(sample(0), mix_results=[sample(1, boxes=0)]))
    assert (results['caption'], visible(results)) == ('caption of image 0', {0})


def test_copy_paste_names_both():
    init_default_scope('mmdet')
    transform = MixCaptions(dict(type='CopyPaste', selected=False))
    half = np.zeros((1, 32, 32), np.uint8)
    half[..., :16] = 1
    pair = [dict(sample(i), gt_masks=BitmapMasks(half, 32, 32)) for i in range(2)]
    results = transform(dict(pair[0], mix_results=pair[1:]))
    assert results['caption'] == 'caption of image 0. caption of image 1'
    assert visible(results) == {0, 1}


@pytest.mark.parametrize('kind', ['CachedMosaic', 'CachedMixUp'])
def test_cached_variants_keep_the_captions_of_their_cache(kind):
    init_default_scope('mmdet')
    extra = dict(ratio_range=(1.0, 1.0)) if kind == 'CachedMixUp' else {}
    transform = MixCaptions(
        dict(type=kind, img_scale=(32, 32), pad_val=0, max_cached_images=6, **extra)
    )
    transform = pickle.loads(pickle.dumps(transform))  # as spawned workers get it
    seen = [transform(sample(i % 6)) for i in range(30)]
    cached = [cached['caption'] for cached in transform.mixing.results_cache]
    assert set(cached) <= {f'caption of image {i}' for i in range(6)}
    assert seen[0]['caption'] == 'caption of image 0'
    more = [results for results in seen if len(named(results)) > 1]
    assert len(more) > 10
    if kind == 'CachedMosaic':
        assert all(named(results) == visible(results) for results in seen)
    assert 'get_indexes' not in vars(transform.mixing)


def test_random_mosaic_of_mmseg():
    init_default_scope('mmseg')
    mosaic = dict(type='RandomMosaic', prob=1.0, img_scale=(32, 32), pad_val=0)
    transform = MixCaptions(mosaic)
    assert len(transform.get_indices(range(6))) == 3
    assert not hasattr(transform, 'get_indexes')
    samples = [
        dict(sample(i), gt_seg_map=np.full((32, 32), i, np.uint8), seg_fields=['gt_seg_map'])
        for i in range(4)
    ]
    results = transform(dict(samples[0], mix_results=samples[1:]))
    assert named(results) == {0, 1, 2, 3} == set(np.unique(results['gt_seg_map'])) - {255}


def test_the_ground_truth_after_the_mixing_names_what_is_visible():
    names = ['zero', 'one', 'two', 'three', 'four', 'five']
    dataset = mixed(MOSAIC, dict(type='mmtadp.OracleCaptionTransform', class_names=names))
    for index in range(6):
        results = dataset[index]
        labels = sorted(set(results['gt_bboxes_labels'].tolist()))
        assert results['caption'] == ' '.join(names[label] for label in labels)


def test_join_captions():
    def count(text):
        return len(text.split()) + 2

    captions = ['A cat. It sleeps.', 'a dog!', '', 'A cat. Twice.', ' a bird on a wire ']
    assert join_captions(captions, count, 77) == 'A cat. a dog. a bird on a wire'
    assert join_captions(captions, count, 9) == 'A cat. a dog. a bird on'
    assert join_captions(['', ' '], count, 77) == ''
    assert join_captions(['a b', 'c d', 'e f'], count, 3) in ('a', 'c', 'e')


def test_four_long_captions_fit_the_text_encoder():
    caption = 'an unbelievably long description of seventeen bicyclists and their companions, '
    captions = [f'{number} {caption * 5}' for number in ('first', 'second', 'third', 'fourth')]
    joined = join_captions(captions, lambda text: count_clip_tokens([text])[0], 77)
    assert 70 <= count_clip_tokens([joined])[0] <= 77
    assert all(number in joined for number in ('first', 'second', 'third', 'fourth'))


def test_bad_arguments_and_samples():
    init_default_scope('mmdet')
    with pytest.raises(ValueError, match='mixing=RandomFlip: expected a transform that mixes'):
        MixCaptions(dict(type='RandomFlip', prob=0.5))
    with pytest.raises(ValueError, match='max_tokens'):
        MixCaptions(MOSAIC, max_tokens=1)
    other = sample(1)
    del other['caption']
    with pytest.raises(RunError, match='CaptionLoadTransform.*before Mosaic'):
        MixCaptions(MOSAIC)(dict(sample(0), mix_results=[other] * 3))
