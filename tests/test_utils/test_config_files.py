import pytest

from mmtadp.utils.config_files import read_config
from mmtadp.utils.errors import RunError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ('streets.py', 'parts.py'):
        (tmp_path / name).write_text('model = dict(depth=18, stages=[1, 2])')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_overrides_by_word_and_by_key(folder):
    assert read_config('streets.py').model.depth == 18
    config = read_config('streets.py', ['model.depth=50', 'model.stages=3,4'])
    assert (config.model.depth, config.model.stages) == (50, [3, 4])
    assert read_config('streets.py', {'model.depth': 34}).model.depth == 34


@pytest.mark.parametrize(
    ('path', 'named'),
    [
        ('streats.py', 'streets.py'),
        ('.', 'parts.py'),
        ('nowhere/streets.py', 'nowhere'),
        ('configs/tadp40_ade20k_80k.py', 'configs/tadp/tadp40_ade20k_80k.py'),
    ],
)
def test_a_missing_config_names_similar_ones(folder, path, named):
    with pytest.raises(RunError) as error:
        read_config(path)
    assert path in str(error.value) and named in str(error.value)


def test_an_override_without_a_value(folder):
    with pytest.raises(RunError, match="'model.depth'"):
        read_config('streets.py', ['model.depth'])


def test_a_packaged_config_by_its_name(folder):
    assert read_config('tadp40_ade20k_80k').train_cfg.max_iters == 80_000


def test_a_key_that_fits_nothing(folder):
    with pytest.raises(RunError, match='modle.depth.* Did you mean model?'):
        read_config('streets.py', ['modle.depth=3'])


def test_required_keys(folder):
    read_config('streets.py', required=['model.depth'])
    with pytest.raises(RunError, match='the config streets.py has no train_cfg.max_iters'):
        read_config('streets.py', required=['model.depth', 'train_cfg.max_iters'])


@pytest.mark.parametrize(
    ('name', 'content', 'named'),
    [
        ('a.py', 'a = 1\nb = dict(\n', ['a.py', 'line 2', 'SyntaxError']),
        ('a.py', 'a = 1\nb = c\n', ['a.py', 'line 2', "'c' is not defined"]),
        ('a.py', "a = '\udcff'", ['a.py', 'UnicodeDecodeError']),
        ('a.py', "_base_ = './broken.py'", ['broken.py (a base of a.py)', 'line 3', 'SyntaxErr']),
        ('a.py', "_base_ = './streats.py'", ['streats.py, which does not exist', 'streets.py?']),
        ('a.py', "_base_ = 'mmtadp::tadp/no.py'", ['a.py', 'tadp/no.py']),
        ('a.py', "_base_ = 'nothing::x/a.py'", ['a.py', 'nothing']),
        ('a.py', "_base_ = ['./streets.py', './parts.py']", ['a.py', "Duplicate keys: {'model'}"]),
        ('a.py', "custom_imports = dict(imports=['not_there'])", ['a.py', 'not_there', 'PYTHONP']),
        ('a.py', "custom_imports = 'not_there'", ['a.py', "'not_there'", 'dict(imports=[NAME])']),
        ('a.txt', 'a = 1', ['a.txt', '.py']),
        ('a.json', '{', ['a.json', 'JSONDecodeError']),
        ('a.json', '[1]', ['a.json']),
    ],
)
def test_broken_configs_are_named(folder, name, content, named):
    (folder / 'broken.py').write_text('a = 1\n\nb = (\n')
    (folder / name).write_text(content, errors='surrogateescape')
    with pytest.raises(RunError) as error:
        read_config(name)
    assert not [part for part in named if part not in str(error.value)], str(error.value)
    assert '\n' not in str(error.value)


def test_similar_packaged_configs(folder):
    with pytest.raises(RunError, match='tadp40_ade20k_80k.py'):
        read_config('tadp40_ade20k_80kk.py')
