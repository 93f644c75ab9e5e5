"""Pipelines that mix images and keep the first one's caption are refused."""

import pytest
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope
from torch import nn

from mmtadp.engine.hooks import check_mixed_captions
from mmtadp.engine.hooks.mixed_caption_check import mixes_images
from mmtadp.utils.errors import RunError

pytest.importorskip('mmdet')
from mmcv.transforms import BaseTransform  # noqa: E402
from mmdet.registry import TRANSFORMS  # noqa: E402

MOSAIC = dict(type='Mosaic', img_scale=(32, 32))
ORACLE = dict(type='mmtadp.OracleCaptionTransform', class_names=['cat', 'dog'])


class Images(BaseDataset):
    def load_data_list(self):
        return [dict(index=i) for i in range(4)]


@pytest.fixture
def load(tmp_path) -> dict:
    (tmp_path / 'captions.json').write_text('{"a": "a cat"}')
    return dict(type='mmtadp.CaptionLoadTransform', ann_file=str(tmp_path / 'captions.json'))


@pytest.fixture
def model(monkeypatch):
    """A model with prompts that read captions, or other keys."""

    def make(*keys: str) -> nn.Module:
        backbone = nn.Identity()
        backbone.prompt = nn.Identity()
        backbone.prompt.meta_keys = keys
        monkeypatch.setattr(
            'mmtadp.engine.hooks.mixed_caption_check.find_backbones',
            lambda model: {'backbone': backbone},
        )
        return nn.Sequential(backbone)

    return make


def mix(inner: list, outer: list, wrap=lambda dataset: dataset):
    init_default_scope('mmdet')
    dataset = dict(
        type='MultiImageMixDataset', dataset=dict(type=Images, pipeline=inner), pipeline=outer
    )
    return DATASETS.build(wrap(dataset))


def test_mixing_with_captions_per_image_is_refused(load, model):
    kinds = [
        MOSAIC,
        dict(type='MixUp', img_scale=(32, 32)),
        dict(type='CopyPaste'),
        dict(type='mmseg.RandomMosaic', prob=1.0),
    ]
    for mixing in kinds:
        name = mixing['type'].rpartition('.')[2]
        with pytest.raises(
            RunError, match=f'training pipeline mixes.*{name}.*MixCaptions.*Oracle'
        ):
            check_mixed_captions(model('caption'), mix([load], [mixing]), 'training')


def test_in_other_places(load, model):
    cached = dict(type='CachedMosaic', img_scale=(32, 32))
    init_default_scope('mmdet')
    plain = DATASETS.build(dict(type=Images, pipeline=[load, cached]))
    choice = dict(type='RandomChoice', transforms=[[MOSAIC], []])
    repeated = mix([load], [MOSAIC], lambda d: dict(type='RepeatDataset', times=2, dataset=d))
    concat = mix([load], [MOSAIC], lambda d: dict(type='ConcatDataset', datasets=[d]))
    oracle_before = mix([ORACLE], [MOSAIC])
    loaded_after = mix([], [MOSAIC, load])
    nested = DATASETS.build(dict(type=Images, pipeline=[load, choice]))
    for dataset in (plain, nested, repeated, concat, oracle_before, loaded_after):
        with pytest.raises(RunError, match='Mosaic'):
            check_mixed_captions(model('caption'), dataset, 'training')


def test_what_is_right_passes(load, model):
    joined = dict(type='mmtadp.MixCaptions', mixing=MOSAIC)
    flip = dict(type='RandomFlip', prob=0.5)
    for dataset in (
        mix([load], [joined, flip]),
        mix([load], [flip]),
        mix([], [MOSAIC]),
        mix([], [MOSAIC, flip, ORACLE]),
        mix([load], [MOSAIC, ORACLE]),
    ):
        check_mixed_captions(model('caption'), dataset, 'training')
    # Prompts that are the same for all images.
    check_mixed_captions(model(), mix([load], [MOSAIC]), 'training')


def test_a_caption_that_is_loaded_after_the_mixing_is_refused(load, model):
    joined = dict(type='mmtadp.MixCaptions', mixing=MOSAIC)
    with pytest.raises(RunError, match='after Mosaic has mixed'):
        check_mixed_captions(model('caption'), mix([load], [joined, load]), 'training')


def test_what_mixes_images():
    class Own(BaseTransform):
        def transform(self, results):
            return results['mix_results'][0]

    assert mixes_images(Own())
    init_default_scope('mmdet')
    for stock in (dict(type='Resize', scale=(8, 8)), dict(type='RandomFlip', prob=0.5)):
        assert not mixes_images(TRANSFORMS.build(stock))
