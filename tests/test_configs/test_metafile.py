"""Metafiles and README's tables against the configs and the numbers that the authors report."""

import json
import re
import runpy

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


def test_every_config_is_listed(models):
    assert models.keys() == {path.stem for path in (REPOSITORY / 'configs' / 'tadp').glob('*.py')}
    assert all((REPOSITORY / model['Config']).is_file() for model in models.values())


def test_readme_has_the_tables_of_the_metafiles(models):
    tool = runpy.run_path(str(REPOSITORY / 'tools' / 'analysis_tools' / 'zoo_tables.py'))
    text = tool['README'].read_text()
    assert tool['fill'](tool['README']) == text
    rows = re.findall(r'^\| \[`(\w+)`\]\((\w+)\.py\) \|', text, flags=re.MULTILINE)
    assert sorted(rows) == sorted((name, name) for name in models)


def test_a_row_of_measured_and_reported_numbers():
    tool = runpy.run_path(str(REPOSITORY / 'tools' / 'analysis_tools' / 'zoo_tables.py'))
    data = dict(Prompt='TADP-0', Captions='min=0', Parameters=1_250_000, FLOPs=2_000_000_000)
    result = dict(Dataset='ADE20K', Metrics={'mIoU (reported)': 50.1, 'mIoU': 49.5})
    model = dict(Name='a', Config='configs/a.py', Metadata=data, Results=[result], Weights='a.pth')
    head, _, row = tool['make_table']([model]).splitlines()
    assert head.endswith('| FLOPs (G) | reported mIoU | measured mIoU | download |')
    assert row == '| [`a`](a.py) | TADP-0 | min=0 | 1.2 | 2 | 50.1 | 49.5 | [model](a.pth) |'


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
