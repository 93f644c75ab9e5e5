"""The caption files published by the authors, where they are at hand."""

import json
from pathlib import Path

import pytest

from mmtadp.captions import CaptionStore

FOLDER = Path(__file__).parents[3] / 'shared' / 'captions'
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f'needs the published caption files in {FOLDER}'
)


@pytest.mark.parametrize(
    ('name', 'policy', 'images'),
    [
        ('pascal_object_captions_min40_max77.json', 'stem', 21503),
        ('pascal_class_names.json', 'stem', 12031),
        ('watercolor_captions.json', 'stem', 1000),
        ('dark_zurich_captions_min=0_max=77.json', 'relpath', 50),
    ],
)
def test_every_entry_is_found_whole(name, policy, images):
    store = CaptionStore.load(FOLDER / name)
    assert store.policies == (policy,)
    assert len(store) == images
    assert store.blank == ()
    for key, entry in json.loads((FOLDER / name).read_text()).items():
        image = f'data/images/{key}' + ('.jpg' if policy == 'stem' else '')
        # Every image of these files has one caption, some of them twice.
        assert store.find(image) == [entry['captions'][-1].strip()]


def test_voc_and_dark_zurich_in_one_store():
    names = ('pascal_class_names.json', 'dark_zurich_captions_min=0_max=77.json')
    store = CaptionStore.load([FOLDER / name for name in names])
    assert len(store) == 12081
    assert store.find('VOC2012/JPEGImages/2007_000032.jpg') == ['background airplane person']
    folder = 'dark_zurich/val/rgb_anon/val/night/GOPR0356/'
    assert store.find(f'{folder}GOPR0356_frame_000375_rgb_anon.png') == [
        'a car driving down a street'
    ]
