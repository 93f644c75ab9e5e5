"""The metafile against the configs and the numbers that the authors report."""

import json
import re

import pytest
import yaml

from tests.conftest import REPOSITORY


@pytest.fixture(scope='module')
def models() -> dict:
    (path,) = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())['Import']
    metafile = yaml.safe_load((REPOSITORY / path).read_text())
    return {model['Name']: model for model in metafile['Models']}


def test_every_config_but_the_demo_is_listed(models):
    configs = {path.stem for path in (REPOSITORY / 'configs' / 'tadp').glob('*_ade20k_*.py')}
    assert models.keys() == configs
    assert len(models) == 16
    assert all((REPOSITORY / model['Config']).is_file() for model in models.values())


def test_numbers_are_the_reported_ones(models, shared):
    reported = json.loads((shared / 'reported_results.json').read_text())
    rows = {'null': 'null', 'vpd': 'VPD(R)', 'vpd_ls': 'VPD(LS)', 'tadp20': 'TADP-20'}
    rows['tadp40'] = 'TADP-40'
    checked = 0
    for name, model in models.items():
        prompt, schedule = re.fullmatch(r'(\w+)_ade20k_(\w+)', name).groups()
        row = reported[f'ade20k_{schedule}_mIoU'].get(rows.get(prompt))
        if row is None:
            assert 'Results' not in model
            continue
        metrics = model['Results'][0]['Metrics']
        assert metrics['mIoU (reported)'] == row['ss']
        assert metrics.get('mIoU (ms+flip, reported)') == row.get('ms')
        checked += 1
    assert checked == 10
