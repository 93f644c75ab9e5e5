"""ADE20K: numbers of the configs, and runs on tiny data in its own layout."""

import itertools

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, PARAM_SCHEDULERS, DefaultScope
from torch import nn

from mmtadp.models import no_pretrained_weights
from mmtadp.utils import testing_options
from tests.utils.family_runs import allow_amp_on_cpu, run, tiny_version
from tests.utils.layouts_seg import write_ade20k
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
NAMES = sorted(path.stem for path in CONFIGS.glob('*_ade20k_*.py'))
FULL = [name for name in NAMES if not name.endswith('_1gpu')]
# Precision and recall of the ablation; the oracle itself has both at 1.
ABLATION = [pair for pair in itertools.product((50, 75, 100), repeat=2) if pair != (100, 100)]


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


@pytest.mark.parametrize('name', FULL)
def test_schedule(name):
    """Table S3, (a) to (c)."""
    config = load(name)
    iterations, warm_up, lr = {
        '4k': (4000, 75, 1.6e-4),
        '8k': (8000, 150, 1.6e-4),
        '80k': (80000, 1500, 8e-5),
    }[name.split('_')[-1]]
    assert config.train_cfg.max_iters == iterations
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', lr, 5e-3)
    warm, poly = config.param_scheduler
    assert (warm.start_factor, warm.end) == (1e-6, warm_up)
    assert (poly.power, poly.eta_min, poly.end) == (1.0, 0.0, iterations)
    assert (config.train_dataloader.batch_size, config.auto_scale_lr.base_batch_size) == (2, 16)
    assert config.model.test_cfg == dict(mode='slide', crop_size=(512, 512), stride=(341, 341))


@pytest.mark.parametrize('name', NAMES)
def test_captions(name):
    """Only prompts that need captions read them, in training, testing and TTA alike."""
    found = [
        [t.ann_file for t in pipeline if t.type == 'mmtadp.CaptionLoadTransform']
        for pipeline in pipelines(load(name))
    ]
    if name.startswith('tadp'):
        minimum = name.split('_')[0].removeprefix('tadp')
        assert found == [[f'data/captions/ade20k_captions_min={minimum}_max=77.json']] * 4
    else:
        assert found == [[]] * 4


@pytest.mark.parametrize('name', [name for name in NAMES if name.startswith('oracle')])
def test_oracle(name):
    """Table S2, in training, testing and TTA alike, of what the network sees."""
    expected = (1.0, 1.0)
    if name.startswith('oracle_p'):
        _, precision, recall, *_ = name.split('_')
        expected = (int(precision[1:]) / 100, int(recall[1:]) / 100)
    for pipeline in pipelines(load(name)):
        types = [transform.type for transform in pipeline]
        assert types[-2:] == ['mmtadp.OracleCaptionTransform', 'PackSegInputs']
        assert 'LoadAnnotations' in types[:-2]
        oracle = pipeline[-2]
        assert (oracle.get('precision', 1.0), oracle.get('recall', 1.0)) == expected
        assert len(oracle.class_names) == 150


def test_all_of_the_ablation_is_there():
    ablation = {f'oracle_p{precision}_r{recall}_ade20k_4k' for precision, recall in ABLATION}
    assert {name for name in NAMES if name.startswith('oracle_p')} == ablation
    assert len(ablation) == 8


def test_class_names():
    """One list, without the blank behind VPD's 'bed ', which no token shows."""
    names = load('vpd_ade20k_4k').model.backbone.prompt.class_names
    assert len(set(names)) == 150
    assert all(name == name.strip() for name in names)
    oracle = load('oracle_ade20k_4k').train_dataloader.dataset.pipeline[-2]
    assert oracle.class_names == names
    assert (names[0], names[7], names[149]) == ('wall', 'bed', 'flag')


@pytest.fixture(scope='module')
def meta_model():
    with (
        DefaultScope.overwrite_default_scope('mmseg'),
        torch.device('meta'),
        no_pretrained_weights(),
    ):
        return MODELS.build(load('tadp40_ade20k_80k').model)


def test_learning_rates(meta_model):
    """U-Net at a hundredth (Table S3), heads at the full rate, no norm is decayed."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        wrapper = build_optim_wrapper(meta_model, load('tadp40_ade20k_80k').optim_wrapper)
    by_parameter = {id(p): group for group in wrapper.param_groups for p in group['params']}
    norms = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
    seen = set()
    for prefix, module in meta_model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                assert prefix.startswith(('backbone.vae', 'backbone.prompt'))
                continue
            group = by_parameter[id(parameter)]
            in_unet, is_norm = prefix.startswith('backbone.unet'), isinstance(module, norms)
            assert group['lr'] == pytest.approx(8e-7 if in_unet else 8e-5)
            assert group['weight_decay'] == (0.0 if is_norm else 5e-3), f'{prefix}.{name}'
            seen.add((in_unet, is_norm))
    assert len(seen) == 4


def rates_of_steps(name: str, num_steps: int) -> list[float]:
    """The learning rate with which each step is done, over one full schedule."""
    config = load(name)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=config.optim_wrapper.optimizer.lr)
    schedulers = [
        PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=optimizer))
        for scheduler in config.param_scheduler
    ]
    rates = []
    per_step = config.optim_wrapper.get('accumulative_counts', 1)
    for iteration in range(1, num_steps * per_step + 1):
        if iteration % per_step == 0:
            rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def test_published_warm_up():
    """The learning rate is the polynomial times a linear warm-up, both from iteration 0."""
    rates = rates_of_steps('tadp40_ade20k_4k', 4000)
    for step in (0, 1, 40, 74, 75, 1000, 3999):
        poly = 1.6e-4 * (1 - step / 3999)
        warm = min(1, 1e-6 + (1 - 1e-6) * step / 74)
        assert rates[step] == pytest.approx(poly * warm, rel=2e-3, abs=1e-12)


def test_one_gpu_has_the_schedule_of_its_base():
    config, base = load('tadp40_ade20k_80k_1gpu'), load('tadp40_ade20k_80k')
    accumulated = config.optim_wrapper.accumulative_counts
    assert config.train_dataloader.batch_size * accumulated == base.auto_scale_lr.base_batch_size
    assert config.train_cfg.max_iters == accumulated * base.train_cfg.max_iters
    assert config.train_cfg.val_interval == accumulated * base.train_cfg.val_interval
    assert config.optim_wrapper.dtype == 'bfloat16' and config.model.backbone.with_cp
    assert config.optim_wrapper.optimizer == base.optim_wrapper.optimizer
    assert config.optim_wrapper.paramwise_cfg == base.optim_wrapper.paramwise_cfg
    rates = rates_of_steps('tadp40_ade20k_80k_1gpu', 3000)
    expected = rates_of_steps('tadp40_ade20k_80k', 3000)
    # A step uses the rate of its last iteration, at most one step's later.
    for step in (10, 100, 1000, 1499, 1500, 2999):
        assert expected[step] * (1 - 2e-5) <= rates[step] <= expected[min(step + 1, 1500)] * 1.001


RUNS = [
    'null_ade20k_8k',
    'vpd_ade20k_4k',
    'tadp20_ta_ade20k_4k',
    'oracle_ade20k_80k',
    'oracle_p50_r75_ade20k_4k',
    'tadp40_ade20k_80k_1gpu',
]


@pytest.mark.parametrize('name', RUNS)
def test_run(name, tiny_pipeline, tmp_path, monkeypatch, prompted):
    """Trains, validates, and tests from the checkpoint, with stock runners."""
    classes = write_ade20k(tmp_path / 'data')
    monkeypatch.chdir(tmp_path)
    allow_amp_on_cpu(monkeypatch)
    config = tiny_version(load(name), tiny_pipeline, tmp_path / 'run')
    runner = run(config)
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    trained = {key.split('.')[1] for key in before if not torch.equal(before[key], after[key])}
    assert 'unet' in trained and 'vae' not in trained
    adapter = [key for key in before if 'text_adapter' in key]
    assert bool(adapter) == (name.startswith('vpd') or '_ta_' in name)
    assert not any(torch.equal(before[key], after[key]) for key in adapter)
    trained_captions = [c for training, batch in prompted if training for c in batch]
    tested_captions = {c for training, batch in prompted if not training for c in batch}
    check_captions(name, trained_captions, tested_captions, classes, config)

    (checkpoint,) = tmp_path.glob('run/best_mIoU_iter_2.pth')
    again = tiny_version(load(name), tiny_pipeline, tmp_path / 'again')
    again.load_from = str(checkpoint)
    metrics = run(again).test()
    assert 0 <= metrics['mIoU'] <= 100
    assert metrics['mIoU'] == pytest.approx(runner.message_hub.get_scalar('val/mIoU').current())


def check_captions(name, trained, tested, classes, config) -> None:
    if name.startswith('tadp'):
        assert set(trained) <= {f'a photo of ADE_train_{index:08d}' for index in (1, 2, 3)}
        assert tested == {f'a photo of ADE_val_{index:08d}' for index in (1, 2, 3)}
    elif name.startswith('oracle_ade20k'):
        names = config.class_names
        expected = {
            ' '.join(names[label] for label in sorted(labels))
            for image, labels in classes.items()
            if 'val' in image
        }
        assert tested == expected
    elif name.startswith('oracle'):
        assert len(tested) == 3
    else:
        assert trained == [] and tested == set()


@pytest.mark.parametrize('name', ['tadp40_ade20k_4k', 'oracle_ade20k_4k'])
def test_test_time_augmentation(name, tiny_pipeline, tmp_path, monkeypatch, prompted):
    classes = write_ade20k(tmp_path / 'data', per_split=1)
    monkeypatch.chdir(tmp_path)
    config = tiny_version(load(name), tiny_pipeline, tmp_path / 'run')
    testing_options.use_tta(config)
    metrics = run(config).test()
    assert 0 <= metrics['mIoU'] <= 100
    caption = 'a photo of ADE_val_00000001'
    if name.startswith('oracle'):
        labels = sorted(classes['ADE_val_00000001'])
        caption = ' '.join(config.class_names[label] for label in labels)
    # Six scales, twice each, in as many windows as these take.
    assert {c for _, batch in prompted for c in batch} == {caption}
    assert len(prompted) >= 12
