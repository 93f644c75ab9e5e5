"""The sets of mm packages: bases of configs, default scopes, packages of prefixes."""

import pytest
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

import mmtadp
from mmtadp.utils.compat import register_config_packages


@pytest.mark.parametrize(
    'base, key',
    [
        ('mmtadp::_base_/default_runtime.py', 'default_scope'),
        ('mmtadp::tadp/tadp40_ade20k_80k.py', 'model'),
        ('mmseg::_base_/schedules/schedule_80k.py', 'param_scheduler'),
        ('mmdet::_base_/schedules/schedule_1x.py', 'param_scheduler'),
    ],
)
def test_bases_of_packages_resolve(base, key, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{base}'\n")
    assert key in Config.fromfile(config)


def test_what_is_inherited_keeps_its_default_scope(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        "_base_ = 'mmtadp::tadp/tadp40_ade20k_80k.py'\ntrain_pipeline = [*_base_.train_pipeline]\n"
    )
    assert '_scope_' not in Config.fromfile(config).pretty_text
    # Others' are marked as ever.
    config.write_text("_base_ = 'mmseg::_base_/models/fpn_r50.py'\n")
    assert Config.fromfile(config).model._scope_ == 'mmseg'


def test_mappings_of_other_packages_stay():
    before = dict(MODULE2PACKAGE)
    register_config_packages()
    assert before == MODULE2PACKAGE
    assert MODULE2PACKAGE['mmpose'] == 'mmpose'


def test_version():
    assert mmtadp.__version__ == '0.1.0'
