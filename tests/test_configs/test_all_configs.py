"""Every config of the project, built at full size on the meta device."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmtadp.models import no_pretrained_weights

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'tadp'
SD15_UNET = 859_508_800  # without conv_norm_out and conv_out
ADE20K = [
    *(f'tadp{n}_ade20k_{k}.py' for n in (0, 20, 40) for k in ('4k', '8k', '80k')),
    *(f'{name}_ade20k_{k}.py' for name in ('vpd', 'vpd_ls') for k in ('4k', '8k', '80k')),
    'null_ade20k_4k.py',
]
DEMO = ['tadp_shapes_demo.py']


def build(config: Config):
    with (
        DefaultScope.overwrite_default_scope('mmseg'),
        torch.device('meta'),
        no_pretrained_weights(),
    ):
        return MODELS.build(config.model)


def test_all_configs_are_known():
    found = sorted(path.name for path in CONFIGS.glob('**/*.py'))
    assert found == sorted(ADE20K + DEMO)
    assert len(found) == 17


@pytest.mark.parametrize('name', ADE20K)
def test_ade20k(name):
    config = Config.fromfile(CONFIGS / name)
    # Building checks the neck's channels against the backbone's.
    model = build(config)
    backbone = model.backbone
    tokens = 150 if name.startswith('vpd') else 77
    assert backbone.prompt.num_tokens == tokens
    assert backbone.out_channels == (320, 640 + tokens, 1280 + tokens, 1280)
    assert sum(p.numel() for p in backbone.unet.parameters()) == SD15_UNET
    assert model.num_classes == 150
    assert (backbone.prompt.text_adapter is not None) == name.startswith('vpd')
    assert backbone.vae.scale == (1.0 if name.startswith('vpd_ade') else 0.18215)


@pytest.mark.parametrize('name', ADE20K)
def test_ade20k_schedule(name):
    """Table S3, (a) to (c)."""
    config = Config.fromfile(CONFIGS / name)
    iterations, warm_up, lr = {
        '4k': (4000, 75, 1.6e-4),
        '8k': (8000, 150, 1.6e-4),
        '80k': (80000, 1500, 8e-5),
    }[name.removesuffix('.py').split('_')[-1]]
    assert config.train_cfg.max_iters == iterations
    assert config.optim_wrapper.optimizer.lr == lr
    assert config.optim_wrapper.optimizer.weight_decay == 5e-3
    warm, poly = config.param_scheduler
    assert (warm.start_factor, warm.end) == (1e-6, warm_up)
    assert (poly.power, poly.eta_min, poly.end) == (1.0, 0.0, iterations)


@pytest.mark.parametrize('name', ADE20K)
def test_ade20k_captions(name):
    """Only prompts that need captions read them, in training, testing and TTA alike."""
    config = Config.fromfile(CONFIGS / name)
    pipelines = [
        config.train_dataloader.dataset.pipeline,
        config.val_dataloader.dataset.pipeline,
        config.test_dataloader.dataset.pipeline,
        config.tta_pipeline,
    ]
    files = [[t.ann_file for t in p if t.type == 'mmtadp.CaptionLoadTransform'] for p in pipelines]
    if name.startswith('tadp'):
        minimum = name.split('_')[0].removeprefix('tadp')
        assert files == [[f'data/captions/ade20k_captions_min={minimum}_max=77.json']] * 4
    else:
        assert files == [[]] * 4


def test_learning_rates():
    """U-Net at a hundredth (Table S3), heads at the full rate, no decay on norms of the head."""
    from mmengine.optim import build_optim_wrapper

    config = Config.fromfile(CONFIGS / 'tadp40_ade20k_80k.py')
    model = build(config)
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    by_parameter = {id(p): group for group in groups for p in group['params']}
    unet = by_parameter[id(model.backbone.unet.conv_in.weight)]
    head = by_parameter[id(model.decode_head.conv_seg.weight)]
    norm = by_parameter[id(model.decode_head.scale_heads[0][0].bn.weight)]
    assert unet['lr'] == pytest.approx(8e-7)
    assert head['lr'] == norm['lr'] == pytest.approx(8e-5)
    assert (head['weight_decay'], norm['weight_decay']) == (5e-3, 0.0)


def test_published_warm_up():
    """The learning rate is the polynomial times a linear warm-up, both from iteration 0."""
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import PARAM_SCHEDULERS

    config = Config.fromfile(CONFIGS / 'tadp40_ade20k_4k.py')
    parameter = torch.nn.Linear(1, 1)
    wrapper = build_optim_wrapper(
        parameter, dict(type='OptimWrapper', optimizer=config.optim_wrapper.optimizer)
    )
    schedulers = [
        PARAM_SCHEDULERS.build(dict(optimizer=wrapper, **s)) for s in config.param_scheduler
    ]
    rates = []
    for _ in range(4000):
        rates.append(wrapper.param_groups[0]['lr'])
        wrapper.optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    for step in (0, 1, 40, 74, 75, 1000, 3999):
        poly = 1.6e-4 * (1 - step / 3999)
        warm = min(1, 1e-6 + (1 - 1e-6) * step / 74)
        assert rates[step] == pytest.approx(poly * warm, rel=2e-3, abs=1e-12)
