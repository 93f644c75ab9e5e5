"""Which keys `--cfg-options` may have, by shipped configs of both packages."""

import pytest
from mmengine.config import Config

from mmtadp.utils.config_options import check_options
from mmtadp.utils.errors import RunError
from tests.utils.paths import REPOSITORY


@pytest.fixture(scope='module')
def segmentor():
    return Config.fromfile(REPOSITORY / 'configs' / 'tadp' / 'tadp40_ade20k_80k.py')


@pytest.fixture(scope='module')
def detector():
    return Config.fromfile(REPOSITORY / 'configs' / 'tadp' / 'tadp_simple_voc2comic_100e.py')


@pytest.mark.parametrize(
    'key',
    [
        'train_cfg.max_iters',
        'model.backbone.with_cp',  # an argument of the class that the config leaves out
        'model.backbone.init_cfg.checkpoint',
        'model.backbone.prompt.type',
        'model.backbone.prompt.cache_size',  # of mmtadp's own registry
        'model.decode_head.sampler',  # of the class above
        'optim_wrapper.clip_grad.max_norm',
        'optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult',
        'optim_wrapper.dtype',  # for --amp
        'param_scheduler.0.convert_to_iter_based',
        'train_dataloader.pin_memory',
        'train_dataloader.dataset.indices',
        'train_dataloader.dataset.pipeline.0.missing',
        'default_hooks.checkpoint.save_last',
        'default_hooks.stop.type',
        'model.test_cfg.crop_size',
        'randomness.seed',
        'find_unused_parameters',
        'compile',
        'resume',
        'load_from',
        'auto_scale_lr.enable',
    ],
)
def test_keys_that_mean_something(segmentor, key):
    check_options(segmentor, {key: 1})


def test_arguments_of_the_type_that_another_option_sets(segmentor):
    check_options(segmentor, {'optim_wrapper.optimizer.type': 'SGD', 'optim_wrapper.type': 'x'})
    check_options(
        segmentor,
        {'optim_wrapper.optimizer.momentum': 0.9, 'optim_wrapper.optimizer.type': 'SGD'},
    )
    with pytest.raises(RunError, match='optim_wrapper.optimizer has no momentum'):
        check_options(segmentor, {'optim_wrapper.optimizer.momentum': 0.9})


@pytest.mark.parametrize(
    ('key', 'named'),
    [
        ('modle.backbone.timestep', 'Did you mean model?'),
        ('trian_cfg.max_iters', 'Did you mean train_cfg?'),
        ('randomnes.seed', 'Did you mean randomness?'),
        ('my_setting', 'the config has no my_setting.'),
        ('model.backbon.timestep', 'Did you mean model.backbone?'),
        ('model.backbone.timestp', 'Did you mean model.backbone.timestep?'),
        ('model.backbone.depth', 'Its keys: architecture, attn_grad,'),
        ('model.backbone.prompt.cache_siz', 'Did you mean model.backbone.prompt.cache_size?'),
        ('model.decode_head.num_clases', 'Did you mean model.decode_head.num_classes?'),
        ('train_cfg.max_iter', 'Did you mean train_cfg.max_iters?'),
        ('train_dataloader.batch_sise', 'Did you mean train_dataloader.batch_size?'),
        ('default_hooks.checkpoint.intervall', 'Did you mean default_hooks.checkpoint.interval?'),
        ('env_cfg.cudnn_benchmrk', 'Did you mean env_cfg.cudnn_benchmark?'),
        ('train_dataloader.dataset.pipeline.-1.type', 'a list of 9; an index of it is 0 to 8'),
        ('train_dataloader.dataset.pipeline.9.type', 'a list of 9; an index of it is 0 to 8'),
        ('train_dataloader.dataset.pipeline.last', 'a list of 9; an index of it is 0 to 8'),
        ('train_cfg.max_iters.x', 'train_cfg.max_iters is 80000, which has no keys'),
        ('model.backbone', 'model.backbone is a dict; set its keys'),
        ('model..backbone', 'single dots'),
        ('', 'single dots'),
    ],
)
def test_other_keys_are_refused(segmentor, key, named):
    with pytest.raises(RunError) as error:
        check_options(segmentor, {key: 3})
    assert f'--cfg-options {key}' in str(error.value) and named in str(error.value)


def test_detector(detector):
    check_options(detector, {'model.roi_head.bbox_head.num_classes': 3})
    with pytest.raises(RunError, match='model has no decode_head. Did you mean model.roi_head'):
        check_options(detector, {'model.decode_head.num_classes': 3})


def test_a_variable_that_was_used_before_is_reported(segmentor, capsys):
    check_options(segmentor, {'train_cfg.max_iters': 3})
    assert not capsys.readouterr().out
    assert 'crop_size' in segmentor
    check_options(segmentor, {'crop_size': [64, 64]})
    assert '--cfg-options crop_size: no part of a run reads it' in capsys.readouterr().out
