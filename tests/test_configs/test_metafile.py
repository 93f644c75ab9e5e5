"""Metafiles and README's tables against the configs and the numbers that the authors report."""

import itertools
import json
import re

import pytest
import yaml

from tests.utils.paths import REPOSITORY

PROMPTS = {
    'null': 'null',
    'vpd': 'VPD(R)',
    'vpd_ls': 'VPD(LS)',
    'class_embeddings': 'ClassEmbs',
    'class_names': 'ClassNames',
    'tadp0': 'TADP-0',
    'tadp20': 'TADP-20',
    'tadp20_ta': 'TADP(TA)-20',
    'tadp20_nouns': 'TADP(NO)-20',
    'tadp40': 'TADP-40',
    'oracle': 'Oracle',
}
# The paper's null modifier: captions as they are.
MODIFIERS = {'null_modifier': 'null'}


@pytest.fixture(scope='module')
def models() -> dict:
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    metafiles = [yaml.safe_load((REPOSITORY / path).read_text()) for path in index['Import']]
    assert [len(metafile['Models']) for metafile in metafiles] == [30, 10, 9, 9, 13]
    listed = [model for metafile in metafiles for model in metafile['Models']]
    models = {model['Name']: model for model in listed}
    assert len(models) == len(listed)
    return models


@pytest.fixture(scope='module')
def reported(shared) -> dict:
    return json.loads((shared / 'reported_results.json').read_text())


def configs() -> set:
    """All configs but those on generated scenes."""
    paths = (REPOSITORY / 'configs' / 'tadp').glob('*.py')
    return {path.stem for path in paths if '_shapescenes_' not in path.stem}


def test_every_config_but_the_demos_is_listed(models):
    assert models.keys() == configs()
    assert all((REPOSITORY / model['Config']).is_file() for model in models.values())


def expand(name: str) -> set:
    """``a_{b,c}`` to ``a_b`` and ``a_c``."""
    parts = [part.strip('{}').split(',') for part in re.findall(r'{[^}]*}|[^{}]+', name)]
    return {''.join(choice) for choice in itertools.product(*parts)}


def test_readme_has_a_row_for_every_config(models):
    text = (REPOSITORY / 'configs' / 'tadp' / 'README.md').read_text()
    names = [expand(name) for name in re.findall(r'^\| `([^`]+)`', text, flags=re.MULTILINE)]
    assert models.keys() <= set().union(*names)


def metrics(model: dict) -> list:
    """Per dataset, metrics by name."""
    return [
        {name.removesuffix(' (reported)'): value for name, value in result['Metrics'].items()}
        for result in model.get('Results', [])
    ]


def expected(name: str, reported: dict) -> list:
    """What the authors report for a config, in the form of :func:`metrics`."""
    if name.endswith('_1gpu'):
        return []
    if match := re.fullmatch(r'oracle(?:_p(\d+)_r(\d+))?_ade20k_4k', name):
        precision, recall = (f'{int(percent or 100) / 100:.2f}' for percent in match.groups())
        grid = reported['ade20k_4k_oracle_mIoU_by_precision_then_recall']
        return [dict(mIoU=grid[precision][recall])]
    if match := re.fullmatch(r'(\w+)_ade20k_(\w+)', name):
        row = reported[f'ade20k_{match[2]}_mIoU'].get(PROMPTS[match[1]])
        names = dict(ss='mIoU', ms='mIoU (ms+flip, reported)')
        return [{names[key]: value for key, value in row.items()}] if row else []
    if match := re.fullmatch(r'(\w+)_voc2012_15e', name):
        return [dict(mIoU=reported['voc2012_seg_mIoU_ss'][PROMPTS[match[1]]])]
    if match := re.fullmatch(r'(\w+)_nyu_(\d+)e', name):
        table = reported[f'nyuv2_{match[2]}ep']
        row = table.get(PROMPTS[match[1]])
        return [dict(zip(table['columns'], row))] if row else []
    if match := re.fullmatch(r'tadp0_(\w+)_cityscapes2night_40k', name):
        row = reported['cityscapes_to_night_mIoU'][MODIFIERS.get(match[1], match[1])]
        return [dict(mIoU=value) for value in row]
    if match := re.fullmatch(r'tadp_(\w+)_voc2(watercolor|comic)_100e', name):
        row = reported['voc_to_art_AP_AP50'][MODIFIERS.get(match[1], match[1])]
        ap, ap50 = row[:2] if match[2] == 'watercolor' else row[2:]
        return [{'AP (VOC-2007 11-point, IoU 0.5:0.95, reported)': ap, 'AP50': ap50}]
    return []


def test_numbers_are_the_reported_ones(models, reported):
    found = {name: metrics(model) for name, model in models.items()}
    assert found == {name: expected(name, reported) for name in models}
    # 23 of ADE20K, 9 of VOC2012, 6 of NYUv2, 6 to night, 12 to art.
    assert sum(bool(rows) for rows in found.values()) == 56
