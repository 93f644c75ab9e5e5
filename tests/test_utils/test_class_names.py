import pytest
from mmengine.config import Config
from mmseg.datasets import ADE20KDataset

from mmtadp.utils.class_names import dataset_class_names, dataset_names_of
from mmtadp.utils.launch import build_runner, use_amp
from tests.utils.paths import REPOSITORY
from tests.utils.tiny_runs import tiny_config

ADE20K = dict(type='ADE20KDataset')


def names(**config) -> list[str] | None:
    with dataset_names_of(Config(dict(default_scope='mmseg', **config))):
        return dataset_class_names()


def loader(dataset: dict) -> dict:
    return dict(dataset=dataset)


@pytest.mark.parametrize(
    'config, expected',
    [
        (dict(train_dataloader=loader(dict(ADE20K, metainfo=dict(classes=['a_b', 'c'])))), 'a b'),
        (dict(train_dataloader=loader(ADE20K)), 'wall'),
        (dict(train_dataloader=None, test_dataloader=loader(ADE20K)), 'wall'),
        (dict(train_dataloader=loader(dict(type=ADE20KDataset))), 'wall'),
        (dict(train_dataloader=loader(dict(type='RepeatDataset', dataset=ADE20K))), 'wall'),
        (dict(test_dataloader=loader(dict(type='ConcatDataset', datasets=[ADE20K] * 2))), 'wall'),
        (dict(test_dataloader=loader(dict(type='mmdet.CocoDataset'))), 'person'),
        (dict(test_dataloader=loader(dict(type='NYUDataset'))), 'printer room'),
        (dict(train_dataloader=loader(dict(type='BaseSegDataset'))), None),
        (dict(train_dataloader=loader(dict(type='NoSuchDataset'))), None),
        ({}, None),
    ],
)
def test_where_names_come_from(config, expected):
    found = names(**config)
    assert (found and found[0]) == expected
    assert dataset_class_names() is None


@pytest.mark.parametrize(
    'file, dataset, different',
    [('ade20k', 'ADE20KDataset', 0), ('nyu', 'NYUDataset', 0), ('voc2012', 'PascalVOCDataset', 5)],
)
def test_wording_of_the_published_prompts(file, dataset, different):
    """What docs/faq.md says of the datasets' spelling."""
    published = Config.fromfile(
        REPOSITORY / 'configs' / '_base_' / 'class_names' / f'{file}.py'
    ).class_names
    own = names(train_dataloader=loader(dict(type=dataset)))
    assert len(own) == len(published)
    pairs = [(a, b) for a, b in zip(own, published) if a.strip() != b.strip()]
    assert len(pairs) == different, pairs


def test_a_runner_gets_them(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.model.backbone.prompt = dict(type='ClassNamesPrompt')
    config.experiment_name = config.visualizer.name = str(tmp_path)
    runner = build_runner(config, skip_pretrained=False)
    assert runner.model.backbone.prompt.class_names == ['wall', 'cat', 'dog']


def test_amp_of_a_pure_python_config():
    from mmengine.optim import OptimWrapper

    config = Config(dict(optim_wrapper=dict(type=OptimWrapper)))
    use_amp(config)
    assert config.optim_wrapper.type == 'AmpOptimWrapper'
