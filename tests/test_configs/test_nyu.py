"""Depth on NYUv2: numbers of the configs, and runs on tiny data in mmseg's layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS, DefaultScope
from mmseg.datasets import NYUDataset
from mmseg.structures import SegDataSample

from mmtadp.engine.hooks import install_prompt_hooks
from tests.utils.family_runs import allow_amp_on_cpu, run, tiny_version
from tests.utils.layouts_nyu import HEIGHT, TEST, TRAIN, WIDTH, nyu_caption, write_nyu
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
PROMPTS = ('vpd', 'vpd_ls', 'tadp0', 'tadp40')
NAMES = [f'{prompt}_nyu_{schedule}' for prompt in PROMPTS for schedule in ('1e', '25e')]
METRICS = {'d1', 'd2', 'd3', 'abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'log10', 'silog'}
# Iterations of an epoch: 24,231 images in batches of 3 on 8 GPUs, the last one dropped.
EPOCH_LENGTH = 1009


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_nyu(tmp_path / 'data')


@pytest.mark.parametrize('name', NAMES)
def test_hyper_parameters(name):
    """Table S3, (d) and (e)."""
    config = load(name)
    prompt, schedule = name.split('_nyu_')
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 5e-4, 0.1)
    assert config.train_cfg.type == 'EpochBasedTrainLoop'
    assert config.train_cfg.max_epochs == {'1e': 1, '25e': 25}[schedule]
    assert (config.train_dataloader.batch_size, config.auto_scale_lr.base_batch_size) == (3, 24)
    assert config.train_dataloader.drop_last
    backbone, head = config.model.backbone, config.model.decode_head
    assert not backbone.use_attn and backbone.keep_padding
    assert backbone.get('latent_scaling', True) == (prompt != 'vpd')
    assert (head.max_depth, head.fmap_border) == (10.0, (1, 1))
    assert head.in_channels == [320, 640, 1280, 1280]
    assert config.model.test_cfg == dict(
        mode='slide_flip', crop_size=(480, 480), stride=(160, 160)
    )
    # What the published code computes from --shift_size 2.
    assert config.model.test_cfg.stride[1] == (640 - 480) // (2 - 1)
    metric = config.test_evaluator
    assert (metric.min_depth_eval, metric.max_depth_eval) == (1e-3, 10.0)
    assert metric.crop_type == 'nyu_crop'
    assert config.default_hooks.checkpoint.save_best == 'rmse'
    assert config.default_hooks.checkpoint.rule == 'less'
    assert config.tta_model is None


@pytest.mark.parametrize('name', NAMES)
def test_prompts(name):
    """VPD by the room type, TADP by captions, which VPD does not read."""
    config = load(name)
    loaders = [config.train_dataloader, config.val_dataloader, config.test_dataloader]
    transforms = [transform for loader in loaders for transform in loader.dataset.pipeline]
    files = [t.ann_file for t in transforms if t.type == 'mmtadp.CaptionLoadTransform']
    prompt = config.model.backbone.prompt
    if name.startswith('tadp'):
        minimum = name.split('_')[0].removeprefix('tadp')
        assert files == [f'data/captions/nyuv2_captions_min={minimum}_max=77.json'] * 3
        assert prompt == dict(type='CaptionPrompt')
    else:
        assert not files
        assert (prompt.type, prompt.text_adapter) == ('CategoryEOSPrompt', {})
    keys = [t.meta_keys for t in transforms if t.type == 'PackSegInputs']
    assert len(keys) == 3 and all({'category_id', 'caption'} <= set(found) for found in keys)


def test_class_names_are_in_the_order_of_the_dataset():
    names = load('vpd_nyu_25e').model.backbone.prompt.class_names
    assert len(names) == 27
    assert names == [name.replace('_', ' ') for name in NYUDataset.METAINFO['classes']]
    # The data set misspells it, and so do its file names and the published embeddings.
    assert names[14] == 'excercise room'


def test_one_gpu():
    config = load('tadp40_nyu_25e_1gpu')
    wrapper = config.optim_wrapper
    assert config.model.backbone.with_cp
    assert (wrapper.type, wrapper.dtype) == ('AmpOptimWrapper', 'bfloat16')
    assert wrapper.accumulative_counts * config.train_dataloader.batch_size == 24
    assert wrapper.optimizer == load('tadp40_nyu_25e').optim_wrapper.optimizer


def learning_rates(config: Config, num_iters: int) -> np.ndarray:
    """Rates of the head and of the U-Net in each iteration."""
    model = torch.nn.ModuleDict(
        dict(
            head=torch.nn.Linear(1, 1),
            backbone=torch.nn.ModuleDict(dict(unet=torch.nn.Linear(1, 1))),
        )
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
        schedulers = [
            PARAM_SCHEDULERS.build(
                scheduler, default_args=dict(optimizer=wrapper, epoch_length=EPOCH_LENGTH)
            )
            for scheduler in config.param_scheduler
        ]
    rates = []
    for _ in range(num_iters):
        groups = wrapper.param_groups
        rates.append((groups[0]['lr'], groups[2]['lr']))
        for scheduler in schedulers:
            scheduler.step()
    return np.array(rates)


@pytest.mark.filterwarnings('ignore:Detected call of `scheduler.step')
def test_ramp():
    """Against the published formula, in every iteration of 25 epochs."""
    rates = learning_rates(load('tadp40_nyu_25e'), 25 * EPOCH_LENGTH)
    half = 12 * EPOCH_LENGTH
    progress = np.arange(1, 25 * EPOCH_LENGTH + 1) / half
    up = (5e-4 - 3e-5) * np.minimum(progress, 1) ** 0.9 + 3e-5
    down = 5e-4 - (5e-4 - 3e-5) * np.maximum(progress - 1, 0) ** 0.9
    published = np.where(progress < 1, up, np.maximum(3e-5, down))
    deviation = np.abs(rates[:, 0] - published) / 5e-4
    assert deviation.max() < 0.0075
    for iteration, rate in (
        (0, 3e-5),
        (half, 5e-4),
        (2 * half, 3e-5),
        (25 * EPOCH_LENGTH - 1, 3e-5),
    ):
        assert rates[iteration, 0] == pytest.approx(rate, abs=2e-6)
    assert rates[half // 2, 0] == pytest.approx(2.818e-4, abs=4e-6)
    assert rates[half + half // 2, 0] == pytest.approx(2.482e-4, abs=4e-6)
    assert rates[:, 1] == pytest.approx(rates[:, 0] / 100)


def test_constant_rate_for_one_epoch():
    rates = learning_rates(load('tadp0_nyu_1e'), EPOCH_LENGTH)
    assert (rates == [5e-4, 5e-6]).all()


def test_weight_decay(tiny_pipeline, tmp_path):
    """As in the published code, none on vectors; the U-Net at a hundredth of the rate."""
    config = tiny_version(load('vpd_nyu_25e'), tiny_pipeline, tmp_path)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model)
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    groups = {id(p): group for group in wrapper.param_groups for p in group['params']}
    checked = 0
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        group = groups[id(parameter)]
        assert group['weight_decay'] == (0.1 if parameter.ndim > 1 else 0.0), name
        assert group['lr'] == (5e-6 if name.startswith('backbone.unet') else 5e-4), name
        checked += 1
    assert checked == len([p for p in model.parameters() if p.requires_grad]) > 100
    assert groups[id(model.backbone.prompt.text_adapter.gamma)]['weight_decay'] == 0.0


@pytest.mark.parametrize('name', ['vpd_nyu_1e', 'tadp40_nyu_25e', 'tadp40_nyu_25e_1gpu'])
def test_train_and_test(name, tiny_pipeline, data, tmp_path, monkeypatch):
    allow_amp_on_cpu(monkeypatch)
    config = tiny_version(load(name), tiny_pipeline, tmp_path / 'work')
    config.test_evaluator.output_dir = str(tmp_path / 'predictions')
    runner = run(config)
    backbone = runner.model.backbone
    (key,) = backbone.prompt.meta_keys
    seen = {True: set(), False: set()}

    def remember(module, args):
        seen[module.training] |= {sample[key] for sample in args[0]}

    backbone.prompt.register_forward_pre_hook(remember)
    before = backbone.unet.conv_in.weight.clone()
    runner.train()
    assert runner.iter == 2
    rooms = NYUDataset.METAINFO['classes']
    for training, images in ((True, TRAIN), (False, TEST)):
        expected = (
            set(map(nyu_caption, images.values()))
            if key == 'caption'
            else {rooms.index(room) for room in images}
        )
        assert seen[training] == expected
    if name != 'tadp40_nyu_25e_1gpu':  # which steps after eight iterations
        assert (backbone.unet.conv_in.weight - before).abs().max() > 0
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert len(list((tmp_path / 'work').glob('best_rmse_epoch_1.pth'))) == 1

    metrics = runner.test()
    assert metrics.keys() == METRICS
    assert np.isfinite(list(metrics.values())).all()
    validated = runner.message_hub.get_scalar('val/rmse').current()
    assert metrics['rmse'] == pytest.approx(validated, rel=1e-5)
    for image in TEST.values():  # in millimetres
        saved = cv2.imread(str(tmp_path / f'predictions/{image}.png'), cv2.IMREAD_UNCHANGED)
        assert (saved.shape, saved.dtype) == ((HEIGHT, WIDTH), np.uint16)
        assert 100 < saved.min() <= saved.max() < 10_000


def test_crops_of_480_fill_512(tiny_pipeline, tmp_path):
    """At full resolution: the padding is cut off the features, so that nothing is resized."""
    config = tiny_version(load('tadp40_nyu_25e'), tiny_pipeline, tmp_path, shrink=1)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model).eval()
    model.backbone.set_prompts(['a kitchen'])
    with torch.no_grad():
        features = model.backbone(torch.zeros(1, 3, 480, 480))
        depth = model.decode_head(features)
    assert [feature.shape[-1] for feature in features] == [64, 32, 16, 8]
    assert depth.shape == (1, 1, 480, 480)


def test_windows_and_flips_share_the_prompt(tiny_pipeline, tmp_path):
    """The stock slide-and-flip inference, against windows predicted one by one."""
    config = tiny_version(load('tadp40_nyu_25e'), tiny_pipeline, tmp_path)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = install_prompt_hooks(MODELS.build(config.model)).eval()
        samples = [
            SegDataSample(metainfo=dict(caption=caption, ori_shape=(60, 80)))
            for caption in ('a kitchen', 'a big hall')
        ]
    image = torch.rand(2, 3, 60, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def window(left: int) -> torch.Tensor:
        crop = image[..., left : left + 60]
        flipped = model(crop.flip(3), samples, mode='tensor').flip(3)
        both = (model(crop, samples, mode='tensor') + flipped) / 2
        return torch.nn.functional.interpolate(both, (60, 60), mode='bilinear')

    with torch.no_grad():
        predicted = model(image, samples, mode='predict')
        first, second = window(0), window(20)
    expected = torch.zeros(2, 1, 60, 80)
    expected[..., :60] += first
    expected[..., 20:] += second
    expected[..., 20:60] /= 2
    depth = torch.stack([sample.pred_depth_map.data for sample in predicted])
    torch.testing.assert_close(depth, expected, rtol=1e-4, atol=1e-4)
    assert len(model.backbone.prompt.text_encoder.cache) == 2


def test_real_sample_through_the_pipelines(shared, tmp_path, monkeypatch):
    """A real image of mmseg's own tests, of a quarter of NYUv2's size."""
    monkeypatch.chdir(tmp_path)
    for folder in ('images', 'annotations'):
        (tmp_path / 'data/nyu' / folder).mkdir(parents=True)
        for split in ('train', 'test'):
            (tmp_path / 'data/nyu' / folder / split).symlink_to(shared / 'samples/nyu' / folder)
    config = tiny_version(load('vpd_nyu_25e'), tmp_path, tmp_path, shrink=4)
    name = 'bookstore_0001d_00001'
    truth = cv2.imread(str(shared / f'samples/nyu/annotations/{name}.png'), cv2.IMREAD_UNCHANGED)
    with DefaultScope.overwrite_default_scope('mmseg'):
        train = DATASETS.build(config.train_dataloader.dataset)[0]
        test = DATASETS.build(config.test_dataloader.dataset)[0]
    assert train['inputs'].shape == (3, 120, 120)
    assert train['data_samples'].gt_depth_map.data.shape == (1, 120, 120)
    assert test['inputs'].shape == (3, 120, 160)
    depth = test['data_samples'].gt_depth_map.data
    assert (depth[0].numpy() == truth.astype(np.float32) * np.float32(1e-3)).all()
    assert 0 < depth.max() <= 10
    assert test['data_samples'].category_id == 26
    assert train['data_samples'].category_id == 26
