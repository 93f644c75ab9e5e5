"""Pascal VOC2012: numbers of the configs, and runs on tiny data in its own layout."""

import itertools
import json

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope, init_default_scope
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from PIL import Image
from torch import nn

from mmtadp.utils import testing_options
from tests.utils.family_runs import allow_amp_on_cpu, run, tiny_version
from tests.utils.layouts_seg import write_captions, write_voc2012, write_voc_mask
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
NAMES = sorted(path.stem for path in CONFIGS.glob('*_voc2012_15e*.py'))
CAPTION_FILE = 'data/captions/pascal_captions_min={}_max=77.json'
ITERATIONS = 10582 // 2


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


def pipelines(config: Config) -> list[list]:
    """Of training, validation, test and test-time augmentation, the last one flat."""
    *plain, augmented = config.tta_pipeline
    loaders = [config.train_dataloader, config.val_dataloader, config.test_dataloader]
    return [
        *(loader.dataset.pipeline for loader in loaders),
        [*plain, *itertools.chain(*augmented.transforms)],
    ]


@pytest.mark.parametrize('name', NAMES)
def test_schedule(name):
    """Table S3 (f)."""
    config = load(name)
    wrapper, train = config.optim_wrapper, config.train_dataloader
    assert (wrapper.optimizer.type, wrapper.optimizer.lr) == ('AdamW', 1e-5)
    assert wrapper.optimizer.weight_decay == 1e-2
    assert wrapper.paramwise_cfg == dict(norm_decay_mult=0.0)
    assert (config.train_cfg.type, config.train_cfg.max_epochs) == ('EpochBasedTrainLoop', 15)
    one_gpu = name.endswith('_1gpu')
    assert (train.batch_size, wrapper.accumulative_counts) == ((1, 8) if one_gpu else (2, 4))
    assert config.log_processor.by_epoch and config.default_hooks.checkpoint.by_epoch
    assert config.model.test_cfg == dict(mode='slide', crop_size=(512, 512), stride=(341, 341))
    assert config.model.decode_head.loss_decode.type == 'CrossEntropyLoss'
    assert train.dataset.ann_file == 'ImageSets/Segmentation/trainaug.txt'
    assert train.dataset.data_prefix.seg_map_path == 'SegmentationClassAug'
    assert config.test_dataloader.dataset.data_prefix.seg_map_path == 'SegmentationClass'


def test_learning_rate():
    """(1 - t/T)^0.9 over all iterations."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1e-5)
    (schedule,) = load('tadp40_voc2012_15e').param_scheduler
    scheduler = PARAM_SCHEDULERS.build(
        schedule, default_args=dict(optimizer=optimizer, epoch_length=ITERATIONS)
    )
    rates = []
    for _ in range(15 * ITERATIONS):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    # mmengine counts so that the last iteration has the rate of the end.
    for step in (0, 1, 1000, 40_000, 79_000, 15 * ITERATIONS - 1):
        expected = 1e-5 * (1 - step / (15 * ITERATIONS - 1)) ** 0.9
        assert rates[step] == pytest.approx(expected, rel=1e-3, abs=1e-15)


@pytest.mark.parametrize('name', NAMES)
def test_prompts(name):
    config = load(name)
    prompt, kind = config.model.backbone.prompt, name.split('_voc2012_')[0]
    types, files = set(), set()
    for pipeline in pipelines(config):
        ours = [t.type for t in pipeline if t.type.startswith('mmtadp.')]
        types.add(tuple(name for name in ours if name != 'mmtadp.CheckGroundTruth'))
        files |= {t.ann_file for t in pipeline if t.type == 'mmtadp.CaptionLoadTransform'}
    caption = 'mmtadp.CaptionLoadTransform'
    assert types == {
        'tadp20_nouns': {(caption, 'mmtadp.NounsTransform')},
        'oracle': {('mmtadp.OracleCaptionTransform',)},
    }.get(kind, {(caption,) if kind.startswith('tadp') else ()})
    if kind.startswith('tadp'):
        assert files == {CAPTION_FILE.format(kind.split('_')[0].removeprefix('tadp'))}
    assert prompt.type == {
        'vpd': 'AverageEOSPrompt',
        'vpd_ls': 'AverageEOSPrompt',
        'class_embeddings': 'ClassEmbeddingsPrompt',
        'class_names': 'ClassNamesPrompt',
    }.get(kind, 'CaptionPrompt')
    assert ('text_adapter' in prompt) == kind.startswith('vpd')
    if prompt.type != 'CaptionPrompt':
        assert prompt.class_names == config.class_names


def test_class_names():
    """The order of the dataset's classes, in natural spelling."""
    names = load('oracle_voc2012_15e').class_names
    spelled = dict(
        aeroplane='airplane',
        diningtable='dining table',
        motorbike='motorcycle',
        pottedplant='potted plant',
        tvmonitor='television',
    )
    assert names == [spelled.get(name, name) for name in PascalVOCDataset.METAINFO['classes']]
    oracle = load('oracle_voc2012_15e').test_dataloader.dataset.pipeline[-2]
    assert oracle.class_names == names and oracle.always_named == ['background']


def test_spelling_is_the_authors_own(shared):
    """And so is the order of names within an oracle caption."""
    names = load('oracle_voc2012_15e').class_names
    file = json.loads((shared / 'captions' / 'pascal_class_names.json').read_text())
    assert len(file) == 12031
    found = set()
    for entry in file.values():
        (caption,) = entry['captions']
        labels = []
        for label, name in enumerate(names):
            if f' {name} ' in f' {caption} ':
                labels.append(label)
        assert caption == ' '.join(names[label] for label in labels)
        found |= set(labels)
    assert found == set(range(21))


RUNS = [name for name in NAMES if name not in ('vpd_ls_voc2012_15e', 'tadp20_voc2012_15e')]


@pytest.fixture
def data(tmp_path, monkeypatch):
    classes = write_voc2012(tmp_path / 'data')
    monkeypatch.chdir(tmp_path)
    return classes


@pytest.mark.parametrize('name', RUNS)
def test_run(name, data, request, tiny_pipeline, tmp_path, monkeypatch, prompted):
    """One epoch of two iterations, with stock runners."""
    allow_amp_on_cpu(monkeypatch)
    if name.startswith('tadp20_nouns'):
        request.getfixturevalue('tiny_tagger')
    config = load(name)
    # Batch norm needs more than one position of a single image.
    shrink = 4 if config.train_dataloader.batch_size == 1 else 8
    config = tiny_version(config, tiny_pipeline, tmp_path / 'run', shrink)
    runner = run(config)
    unet = runner.model.backbone.unet
    before = unet.conv_in.weight.detach().clone()
    runner.train()
    assert (runner.iter, runner.epoch) == (2, 1)
    assert not torch.equal(before, unet.conv_in.weight)
    metrics = runner.message_hub.log_scalars
    assert 0 <= metrics['val/mIoU'].current() <= 100
    assert np.isfinite(metrics['train/loss'].current())
    assert list(tmp_path.glob('run/best_mIoU_epoch_1.pth'))
    has_captions = config.model.backbone.prompt.type == 'CaptionPrompt'
    captions_of_a_batch = config.train_dataloader.batch_size if has_captions else 0
    assert [len(batch) for training, batch in prompted if training] == [captions_of_a_batch] * 2
    # One window for each image.
    tested = [captions for training, captions in prompted if not training]
    assert len(tested) == 4
    if name.startswith('oracle'):
        names = config.class_names
        assert tested == [
            [' '.join(names[label] for label in sorted(data[f'2008_{index:06d}']))]
            for index in range(4)
        ]
    elif name.startswith('tadp20_nouns'):
        assert tested == [['cat dogs']] * 4
    elif name.startswith('tadp'):
        assert tested == [[f'a dog and a bird in 2008_{index:06d}'] for index in range(4)]


def test_oracle_sees_the_crop_only(data, tiny_pipeline, tmp_path):
    config = tiny_version(load('oracle_voc2012_15e'), tiny_pipeline, tmp_path / 'run', shrink=32)
    names = config.class_names
    init_default_scope('mmseg')
    pipeline = Compose(config.train_dataloader.dataset.pipeline)
    root = tmp_path / 'data' / 'VOCdevkit' / 'VOC2012'
    seen = set()
    for _ in range(30):
        packed = pipeline(
            dict(
                img_path=str(root / 'JPEGImages' / '2007_000001.jpg'),
                seg_map_path=str(root / 'SegmentationClassAug' / '2007_000001.png'),
                reduce_zero_label=False,
                seg_fields=[],
            )
        )
        sample = packed['data_samples']
        labels = set(sample.gt_sem_seg.data.unique().tolist()) - {255}
        assert sample.caption == ' '.join(names[label] for label in sorted(labels))
        assert packed['inputs'].shape == (3, 16, 16)
        seen.add(sample.caption)
    assert len(seen) > 1


def test_test_time_augmentation(data, tiny_pipeline, tmp_path, prompted):
    config = tiny_version(load('tadp40_voc2012_15e'), tiny_pipeline, tmp_path / 'run')
    config.test_dataloader.dataset.indices = 1
    testing_options.use_tta(config)
    sizes = []
    runner = run(config)
    runner.model.module.backbone.register_forward_pre_hook(
        lambda module, args: sizes.append(tuple(args[0].shape[-2:]))
    )
    metrics = runner.test()
    assert 0 <= metrics['mIoU'] <= 100
    # Windows of 64 pixels, or the whole image if it is smaller; stride 42.
    windows = {32: 1, 48: 1, 64: 1, 80: 4, 96: 4, 112: 9}
    assert len(sizes) == 2 * sum(windows.values())
    assert set(sizes) == {(32, 32), (48, 48), (64, 64)}


def test_real_image(shared, tiny_pipeline, tmp_path, monkeypatch):
    """VOC2012's own photograph, at full size; the sample has no mask, so one is made up."""
    root = tmp_path / 'data' / 'VOCdevkit' / 'VOC2012'
    for folder in ('SegmentationClass', 'SegmentationClassAug', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    source = shared / 'samples' / 'VOCdevkit' / 'VOC2012' / 'JPEGImages'
    (root / 'JPEGImages').symlink_to(source)
    with Image.open(source / '000001.jpg') as image:
        width, height = image.size
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[: height // 2, : width // 2] = 12
    for split, folder in (('trainaug', 'SegmentationClassAug'), ('val', 'SegmentationClass')):
        write_voc_mask(root / folder / '000001.png', mask)
        (root / 'ImageSets' / 'Segmentation' / f'{split}.txt').write_text('000001\n')
    write_captions(tmp_path / CAPTION_FILE.format(40), {'000001': 'a dog'})
    monkeypatch.chdir(tmp_path)
    config = load('tadp40_voc2012_15e')
    with DefaultScope.overwrite_default_scope('mmseg'):
        for loader in (config.train_dataloader, config.val_dataloader):
            (packed,) = DATASETS.build(loader.dataset)
            assert packed['inputs'].shape == (3, 512, 512)
            assert packed['data_samples'].caption == 'a dog'
            assert packed['data_samples'].ori_shape == (height, width)
            labels = set(packed['data_samples'].gt_sem_seg.data.unique().tolist())
            assert labels <= {0, 12}
    assert packed['data_samples'].gt_sem_seg.shape == (height, width)
