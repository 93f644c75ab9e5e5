import sys
from pathlib import Path

import pytest


@pytest.fixture
def setup_env(repository, monkeypatch):
    """The set-up program's modules, which find each other by their folder."""
    monkeypatch.syspath_prepend(str(repository / 'tools' / 'setup_env'))
    import environment
    import interpreter
    import steps

    yield environment, interpreter, steps
    for module in (environment, interpreter, steps):
        del sys.modules[module.__name__]


def fake_python(path: Path, answer: str) -> str:
    """An interpreter that only ever prints one line."""
    path.write_text(f'#!/bin/sh\necho {answer}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    'answer, problem',
    [
        ('3.11', ''),
        ('3.12', ''),
        ('3.10', 'is Python 3.10'),
        ('3.14', 'is Python 3.14'),
        ('3.11 ensurepip Python.h', 'is Python 3.11, but lacks ensurepip, Python.h'),
    ],
)
def test_which_python_will_do(setup_env, tmp_path, monkeypatch, answer, problem):
    _, interpreter, _ = setup_env
    python = fake_python(tmp_path / 'python', answer)
    monkeypatch.setenv('PYTHON', python)
    if not problem:
        assert interpreter.find_python() == python
        return
    with pytest.raises(interpreter.SetupError) as info:
        interpreter.find_python()
    message = str(info.value)
    assert f'  {python}: {problem}\n' in message
    assert 'mmtadp needs Python 3.11 or 3.12' in message
    assert 'make test PYTHON=/path/to/python3.11' in message


def test_found_by_version_not_by_order(setup_env, tmp_path, monkeypatch):
    _, interpreter, _ = setup_env
    fake_python(tmp_path / 'python3', '3.13')
    python = fake_python(tmp_path / 'python3.12', '3.12')
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('PYTHON', raising=False)
    assert interpreter.find_python() == python


@pytest.fixture
def env(setup_env, tmp_path):
    """An environment in which nothing is installed."""
    environment = setup_env[0].Environment(tmp_path / 'venv')
    environment.state.mkdir(parents=True)
    return environment


def make_step(setup_env, key: str, code: str):
    command = [sys.executable, '-c', code]
    return setup_env[0].Step('counting', 'Counting', 'no time', 'count again', {'key': key},
                             lambda last: [command])  # fmt: skip


def test_step_runs_only_when_what_it_depends_on_changes(setup_env, env, tmp_path, capsys):
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x')"
    for key, expected in [('1', 'x'), ('1', 'x'), ('2', 'xx'), ('2', 'xx')]:
        env.run(make_step(setup_env, key, count))
        assert (tmp_path / 'count').read_text() == expected
    assert capsys.readouterr().out.count('Counting (usually no time)\n') == 2


def test_failed_step_runs_again(setup_env, env):
    with pytest.raises(setup_env[0].SetupError) as info:
        env.run(make_step(setup_env, '1', "print('cannot count'); raise SystemExit(3)"))
    message = str(info.value)
    assert '  | cannot count\n' in message
    assert 'This step failed: Counting.\nWhat to try: count again.\n' in message
    assert str(env.state / 'counting.log') in message
    assert env.last_run('counting') is None
    env.run(make_step(setup_env, '1', ''))
    assert env.last_run('counting') == {'key': '1'}


def test_half_installed_packages_are_forgotten(setup_env, env):
    packages = env.folder / 'lib' / 'python3.11' / 'site-packages'
    for name, files in [('whole', ['METADATA', 'INSTALLER', 'RECORD']), ('half', ['METADATA'])]:
        (packages / f'{name}-1.0.dist-info').mkdir(parents=True)
        for file in files:
            (packages / f'{name}-1.0.dist-info' / file).touch()
    (packages / '~old').mkdir()
    env.run(make_step(setup_env, '1', ''))
    assert [path.name for path in packages.iterdir()] == ['whole-1.0.dist-info']


def test_a_folder_of_something_else_is_left_alone(setup_env, tmp_path):
    (tmp_path / 'venv').mkdir()
    (tmp_path / 'venv' / 'mine.txt').touch()
    with pytest.raises(setup_env[0].SetupError, match='move it away or remove it'):
        setup_env[0].Environment(tmp_path / 'venv').make()
    assert (tmp_path / 'venv' / 'mine.txt').exists()


@pytest.mark.parametrize('package_set', ['onedl', 'openmmlab'])
def test_pins(setup_env, repository, package_set):
    from packaging.requirements import Requirement

    from mmtadp.utils.dependencies import CORE, MM_SETS

    pins = setup_env[2].read_pins(repository / 'requirements' / f'constraints-{package_set}.txt')
    assert pins['torch'] == 'torch==2.13.0'
    assert not {'torchvision', 'timm'} & set(pins)
    for text in [*CORE.values(), *MM_SETS[package_set].values()]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[requirement.name].split('==')[1])


def test_a_chosen_torch_is_remembered_and_the_default_follows_the_pin(setup_env, env, monkeypatch):
    steps = setup_env[2]
    pins = {name: f'{name}==1' for name in ('torch', *steps.BUILD_TOOLS)}
    monkeypatch.delenv('TORCH', raising=False)

    def wanted() -> str:
        step = steps.torch_step(env, ['pip'], pins)
        env.run(step._replace(commands=lambda last: []))
        return step.key['torch']

    assert wanted() == 'torch==1'
    pins['torch'] = 'torch==2'
    assert wanted() == 'torch==2'
    monkeypatch.setenv('TORCH', 'torch==2+cuda')
    assert wanted() == 'torch==2+cuda'
    monkeypatch.delenv('TORCH')
    assert wanted() == 'torch==2+cuda'


def test_mmcv_is_built_again_for_another_torch(setup_env, env, monkeypatch):
    steps = setup_env[2]
    monkeypatch.setattr(env, 'ask', lambda *command: '/cache')
    step = steps.mmcv_step(env, ['pip'], {'mmcv': 'mmcv==2.1.0'}, '2.13.0+cpu')
    cache = '--cache-dir=/cache/mmtadp/torch-2.13.0+cpu'
    same, other = dict(step.key), {**step.key, 'torch': '2.13.0+cu130'}
    assert step.commands(None) == [['pip', '--no-deps', cache, 'mmcv==2.1.0']]
    assert step.commands(same) == [['pip', '--no-deps', cache, 'mmcv==2.1.0']]
    assert step.commands(other) == [
        ['pip', '--no-deps', '--force-reinstall', cache, 'mmcv==2.1.0']
    ]
