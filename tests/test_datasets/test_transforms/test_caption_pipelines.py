"""Captions through the stock datasets, pipelines and dataloaders of mmseg and mmdet."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmdet.utils import register_all_modules as register_mmdet
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import ADE20KDataset, BaseSegDataset
from mmseg.utils import register_all_modules as register_mmseg

import mmtadp.datasets  # noqa: F401  registers the transforms

NAMES = [f'night/{n:03d}.png' for n in range(8)] + [f'{n:03d}.png' for n in range(100, 104)]
TEMPLATE = 'a dark night photo of a {caption}'
CAMVID = Path(__file__).parents[4] / 'shared' / 'camvid'


def captions_of(name):
    return [f'one of {name}', f'two of {name}']


@pytest.fixture
def root(tmp_path):
    """Twelve 40 x 50 images with masks and boxes, and their captions."""
    rng = np.random.default_rng(0)
    for folder in ('images/night', 'masks/night'):
        (tmp_path / folder).mkdir(parents=True)
    for name in NAMES:
        cv2.imwrite(
            str(tmp_path / 'images' / name), rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        )
        cv2.imwrite(str(tmp_path / 'masks' / name), rng.integers(0, 3, (40, 50), dtype=np.uint8))
    captions = {name: {'captions': captions_of(name)} for name in NAMES}
    (tmp_path / 'captions.json').write_text(json.dumps(captions))
    coco = dict(
        images=[dict(id=n, file_name=name, height=40, width=50) for n, name in enumerate(NAMES)],
        annotations=[
            dict(id=n, image_id=n, category_id=1, bbox=[5, 5, 20, 20], area=400, iscrowd=0)
            for n in range(len(NAMES))
        ],
        categories=[dict(id=1, name='thing')],
    )
    (tmp_path / 'boxes.json').write_text(json.dumps(coco))
    return tmp_path


def caption_transforms(root, **kwargs):
    return [
        dict(type='mmtadp.CaptionLoadTransform', ann_file=str(root / 'captions.json'), **kwargs),
        dict(type='mmtadp.DomainModifier', template=TEMPLATE),
    ]


def seg_dataset(root, pipeline):
    register_mmseg(init_default_scope=False)
    init_default_scope('mmseg')
    return BaseSegDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        metainfo=dict(classes=('a', 'b', 'c'), palette=[[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
        pipeline=pipeline,
    )


def read(dataset, seed=0):
    """Captions by image path of one epoch through two workers."""
    loader = Runner.build_dataloader(
        dict(
            dataset=dataset,
            batch_size=3,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
        ),
        seed=seed,
    )
    captions = {}
    for batch in loader:
        for sample in batch['data_samples']:
            captions[sample.metainfo['img_path']] = sample.metainfo['caption']
    return captions


def expected(root, which=0):
    folder = root / 'images'
    return {
        str(folder / name): TEMPLATE.format(caption=captions_of(name)[which]) for name in NAMES
    }


def train_pipeline(root, **kwargs):
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomResize', scale=(64, 40), ratio_range=(0.5, 2.0), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(24, 32), cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
        *caption_transforms(root, **kwargs),
        dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'flip', 'caption')),
    ]


def test_mmseg_training_pipeline(root):
    dataset = seg_dataset(root, train_pipeline(root))
    assert len(dataset) == 12
    assert read(dataset) == expected(root)


def test_dataset_survives_the_pickling_of_spawned_workers(root):
    dataset = pickle.loads(pickle.dumps(seg_dataset(root, train_pipeline(root))))
    samples = [dataset[index]['data_samples'].metainfo for index in range(12)]
    assert {sample['img_path']: sample['caption'] for sample in samples} == expected(root)


def test_mmseg_random_captions_are_reproducible(root):
    dataset = seg_dataset(root, train_pipeline(root, select='random'))
    drawn = [read(dataset, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    first, second = expected(root, 0), expected(root, 1)
    assert all(caption in (first[path], second[path]) for path, caption in drawn[0].items())
    assert 0 < sum(drawn[0][path] == first[path] for path in first) < 12


@pytest.mark.parametrize('inside', [False, True])
def test_mmseg_test_time_augmentation(root, inside):
    captions = caption_transforms(root)
    pack = dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'flip', 'caption'))
    tta = dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale_factor=f, keep_ratio=True) for f in (0.5, 1.0)],
            [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
            [dict(type='LoadAnnotations')],
            *([[transform] for transform in captions] if inside else []),
            [pack],
        ],
    )
    pipeline = [dict(type='LoadImageFromFile'), *([] if inside else captions), tta]
    dataset = seg_dataset(root, pipeline)
    wanted = expected(root)
    for item in dataset:
        samples = item['data_samples']
        assert [sample.metainfo['flip'] for sample in samples] == [False, True] * 2
        assert {sample.metainfo['caption'] for sample in samples} == {
            wanted[samples[0].metainfo['img_path']]
        }


def test_mmdet_pipeline(root):
    register_mmdet(init_default_scope=False)
    init_default_scope('mmdet')
    dataset = CocoDataset(
        data_root=str(root),
        ann_file='boxes.json',
        data_prefix=dict(img='images/'),
        metainfo=dict(classes=('thing',)),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='Resize', scale=(64, 64), keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
            *caption_transforms(root),
            dict(
                type='PackDetInputs', meta_keys=('img_id', 'img_path', 'scale_factor', 'caption')
            ),
        ],
    )
    assert read(dataset) == expected(root)


def test_an_image_without_caption_stops_the_dataset_and_is_named(root):
    captions = {name: 'x' for name in NAMES if name != '100.png'}
    (root / 'captions.json').write_text(json.dumps(captions))
    dataset = seg_dataset(root, train_pipeline(root))
    with pytest.raises(LookupError, match=f'no caption for image {root}/images/100.png'):
        list(dataset)


@pytest.mark.skipif(not CAMVID.is_dir(), reason=f'needs the CamVid photographs in {CAMVID}')
def test_photographs_of_which_some_have_captions(tmp_path):
    register_mmseg(init_default_scope=False)
    init_default_scope('mmseg')
    ann_file = tmp_path / 'captions.json'
    captions = {
        '0016E5_08143.png': 'a street seen from a car, with buildings on both sides',
        '0016E5_08007.png': 'a road with parked cars and a pedestrian on the pavement',
    }
    ann_file.write_text(json.dumps(captions))
    dataset = ADE20KDataset(
        data_root=str(CAMVID),
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        img_suffix='.png',
        reduce_zero_label=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='mmtadp.CaptionLoadTransform', ann_file=str(ann_file), missing='null'),
            dict(type='mmtadp.DomainModifier', template='a dashcam photo of {caption}'),
            dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'caption')),
        ],
    )
    found = {Path(path).name: caption for path, caption in read(dataset).items()}
    assert len(found) == 26
    for name, caption in found.items():
        assert caption == (f'a dashcam photo of {captions[name]}' if name in captions else '')
