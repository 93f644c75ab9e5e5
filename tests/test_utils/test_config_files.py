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
        ('tadp40_ade20k_80k', 'configs/tadp/tadp40_ade20k_80k.py'),
    ],
)
def test_a_missing_config_names_similar_ones(folder, path, named):
    with pytest.raises(RunError) as error:
        read_config(path)
    assert path in str(error.value) and named in str(error.value)


def test_an_override_without_a_value(folder):
    with pytest.raises(RunError, match="'model.depth'"):
        read_config('streets.py', ['model.depth'])
