import pytest
from mmengine.config import Config

from mmtadp.datasets.caption_options import set_captions
from mmtadp.utils.errors import RunError
from tests.utils.paths import REPOSITORY

TEMPLATE = 'a dark night photo of a {caption}'


def load(name: str) -> Config:
    return Config.fromfile(REPOSITORY / 'configs' / 'tadp' / f'{name}.py')


def transforms(value, kind: str) -> list[dict]:
    """Every transform of a type, anywhere in a part of a config."""
    if isinstance(value, dict):
        found = [value] if str(value.get('type', '')).endswith(kind) else []
        return found + [t for item in value.values() for t in transforms(item, kind)]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in transforms(item, kind)]
    return []


@pytest.fixture
def files(tmp_path) -> list[str]:
    names = [str(tmp_path / name) for name in ('mine.json', 'more.json')]
    for name in names:
        with open(name, 'w') as file:
            file.write('{}')
    return names


@pytest.mark.parametrize(
    'name, count',
    [('tadp40_ade20k_80k', 3), ('tadp40_nyu_25e', 3), ('tadp0_simple_cityscapes2night_40k', 7)],
)
def test_captions_everywhere(files, name, count):
    cfg = load(name)
    set_captions(cfg, files[:1], None)
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    assert len(transforms(loaders, 'CaptionLoadTransform')) == count
    every = transforms(cfg._cfg_dict, 'CaptionLoadTransform')
    assert {transform.ann_file for transform in every} == {files[0]}
    assert transforms(cfg.get('tta_pipeline', []), 'CaptionLoadTransform') or 'nyu' in name


def test_several_files(files):
    cfg = load('tadp40_ade20k_4k')
    set_captions(cfg, files, None)
    (transform,) = transforms(cfg.train_dataloader, 'CaptionLoadTransform')
    assert transform.ann_file == files


def test_template_replaces_the_wording(files):
    cfg = load('tadp0_simple_cityscapes2night_40k')
    before = len(transforms(cfg._cfg_dict, 'DomainModifier'))
    set_captions(cfg, None, 'a foggy photo of a {caption}')
    after = transforms(cfg._cfg_dict, 'DomainModifier')
    assert len(after) >= before > 0
    assert {transform.template for transform in after} == {'a foggy photo of a {caption}'}


@pytest.mark.parametrize('name, first', [('tadp40_ade20k_4k', 1), ('tadp20_nouns_voc2012_15e', 2)])
def test_template_is_added_once_after_the_caption(name, first):
    cfg = load(name)
    set_captions(cfg, None, TEMPLATE)
    set_captions(cfg, None, TEMPLATE)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        (transform,) = transforms(loader, 'DomainModifier')
        assert transform == dict(type='mmtadp.DomainModifier', template=TEMPLATE)
        dataset = loader.dataset
        assert dataset.pipeline[first] == transform


def test_the_learned_token_stays():
    cfg = load('tadp0_textual_inversion_cityscapes2night_40k')
    with pytest.raises(RunError, match='no {token}, .*learned_embeds='):
        set_captions(cfg, None, TEMPLATE)


@pytest.mark.parametrize(
    'name, prompt', [('oracle_ade20k_4k', 'CaptionPrompt'), ('vpd_ade20k_4k', 'AverageEOSPrompt')]
)
def test_a_config_without_captions(files, name, prompt):
    with pytest.raises(RunError, match=f'--captions: .* Its prompt is {prompt}.*tadp40_ade20k'):
        set_captions(load(name), files, None)


def test_a_missing_file(tmp_path):
    cfg = load('tadp40_ade20k_4k')
    before = cfg.pretty_text
    with pytest.raises(RunError, match='--captions: there is no file .*nothing.json'):
        set_captions(cfg, [str(tmp_path / 'nothing.json')], None)
    assert cfg.pretty_text == before


def test_an_unfit_template():
    with pytest.raises(RunError, match='--template: .*{caption} occurs 0 times'):
        set_captions(load('tadp40_ade20k_4k'), None, 'a dark night')


def test_the_log_names_each_split(files, capsys):
    set_captions(load('tadp40_ade20k_4k'), files[:1], None)
    out = capsys.readouterr().out
    for split in ('train', 'val', 'test'):
        assert (
            f"Captions ({split}): type='mmtadp.CaptionLoadTransform', ann_file='{files[0]}'" in out
        )


def test_nothing_asked_for():
    cfg = load('null_ade20k_4k')
    before = cfg.pretty_text
    set_captions(cfg, None, None)
    assert cfg.pretty_text == before
