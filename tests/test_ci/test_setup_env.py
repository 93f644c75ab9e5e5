import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def setup_env(repository, monkeypatch):
    """The set-up program's modules, which find each other by their folder."""
    monkeypatch.syspath_prepend(str(repository / '.ci' / 'setup_env'))
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
    'answer, headers, problem',
    [
        ('3.11', True, ''),
        ('3.12', True, ''),
        ('3.10', True, 'is Python 3.10'),
        ('3.14', False, 'is Python 3.14'),
        ('3.11 ensurepip Python.h', True, 'is Python 3.11, but lacks ensurepip, Python.h'),
        ('3.11 ensurepip Python.h', False, 'is Python 3.11, but lacks ensurepip'),
        ('3.11 Python.h', False, ''),
    ],
)
def test_suitable_python(setup_env, tmp_path, monkeypatch, answer, headers, problem):
    _, interpreter, _ = setup_env
    python = fake_python(tmp_path / 'python', answer)
    monkeypatch.setenv('PYTHON', python)
    if not problem:
        assert interpreter.find_python(headers) == python
        return
    with pytest.raises(interpreter.SetupError) as info:
        interpreter.find_python(headers)
    message = str(info.value)
    assert f'  {python}: {problem}\n' in message
    assert 'Python 3.11 or 3.12' in message and 'PYTHON=/path/to/python3.11' in message
    assert ('C headers' in message) == headers


def test_found_by_version_not_by_order(setup_env, tmp_path, monkeypatch):
    _, interpreter, _ = setup_env
    fake_python(tmp_path / 'python3', '3.13')
    python = fake_python(tmp_path / 'python3.12', '3.12')
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('PYTHON', raising=False)
    assert interpreter.find_python(True) == python


@pytest.fixture
def env(setup_env, tmp_path):
    """An environment in which nothing is installed."""
    environment = setup_env[0].Environment(tmp_path / 'venv', operators=False)
    environment.state.mkdir(parents=True)
    return environment


def make_step(setup_env, key: str, code: str):
    command = [sys.executable, '-c', code]
    return setup_env[0].Step('counting', 'Counting', 'no time', 'count again', {'key': key},
                             lambda again: [command])  # fmt: skip


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
        setup_env[0].Environment(tmp_path / 'venv', False).make()
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
        step = steps.torch_step(env, pins)
        env.run(step._replace(commands=lambda again: []))
        return step.key['torch']

    assert wanted() == 'torch==1'
    pins['torch'] = 'torch==2'
    assert wanted() == 'torch==2'
    monkeypatch.setenv('TORCH', 'torch==2+cuda')
    assert wanted() == 'torch==2+cuda'
    monkeypatch.delenv('TORCH')
    assert wanted() == 'torch==2+cuda'


def mmcv_options(setup_env, env, monkeypatch, operators: bool, torch: str, again=False) -> list:
    """What pip is asked for, after 'install'."""
    monkeypatch.setattr(env, 'ask', lambda *command: '/cache')
    env.operators = operators
    step = setup_env[2].mmcv_step(env, {'mmcv': 'mmcv==2.1.0'}, torch)
    (command,) = step.commands(again)
    assert command[:4] == [env.python, '-m', 'pip', 'install'] and command[-1] == 'mmcv==2.1.0'
    return command[4:-1]


def test_each_kind_of_mmcv_has_a_cache_of_its_own(setup_env, env, monkeypatch):
    arguments = setup_env, env, monkeypatch
    pure = mmcv_options(*arguments, operators=False, torch='2.13.0+cpu')
    assert pure == ['--no-deps', '--cache-dir=/cache/mmtadp/pure']
    compiled = mmcv_options(*arguments, operators=True, torch='2.13.0+cpu')
    isolation, deps, cache = compiled
    assert (isolation, deps) == ('--no-build-isolation', '--no-deps')
    assert cache == '--cache-dir=/cache/mmtadp/torch-2.13.0+cpu'
    other = mmcv_options(*arguments, operators=True, torch='2.13.0+cu130')
    assert other[2] == '--cache-dir=/cache/mmtadp/torch-2.13.0+cu130'


def test_another_kind_of_mmcv_replaces_the_installed_one(setup_env, env, monkeypatch):
    for operators in (False, True):
        options = mmcv_options(setup_env, env, monkeypatch, operators, '2.13.0', again=True)
        assert '--force-reinstall' in options


def test_without_a_cache_pip_uses_none(setup_env, env, monkeypatch):
    monkeypatch.setattr(env, 'ask', lambda *command: '')
    step = setup_env[2].mmcv_step(env, {'mmcv': 'mmcv==2.1.0'}, '2.13.0')
    assert '--no-cache-dir' in step.commands(False)[0]


def test_only_the_operators_need_a_compiler(setup_env, env, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    assert mmcv_options(setup_env, env, monkeypatch, operators=False, torch='2.13.0')
    with pytest.raises(setup_env[0].SetupError, match='install g++'.replace('+', r'\+')):
        mmcv_options(setup_env, env, monkeypatch, operators=True, torch='2.13.0')


def test_an_environment_keeps_its_operators(setup_env, env):
    make = setup_env[0].Environment
    assert not make(env.folder, operators=False).operators
    operators = env.folder / 'lib/python3.11/site-packages/mmcv/_ext.cpython-311.so'
    operators.parent.mkdir(parents=True)
    operators.touch()
    assert make(env.folder, operators=False).operators


@pytest.mark.parametrize('operators, extra', [(False, 'onedl-mmseg'), (True, 'onedl')])
def test_mmdet_comes_with_the_operators(setup_env, env, operators, extra):
    env.operators = operators
    step = setup_env[2].packages_step(env, {}, 'onedl')
    install, check = step.commands(False)
    assert install[-2:] == ['--editable', f'.[{extra},dev]']
    assert ('mmcv.ops' in check[-1]) == ('mmdet' in check[-1]) == operators


@pytest.mark.parametrize(
    'goals, operators',
    [
        ('setup', False),
        ('setup OPS=1', True),
        ('lint', False),
        ('test', True),
        ('demo', False),
        ('demo TASK=depth', False),
        ('demo TASK=detection', True),
        ('claims', True),
        ('claims QUICK=1', False),
    ],
)
def test_targets_that_need_operators(repository, goals, operators):
    command = ['make', '--dry-run', *goals.split()]
    # Not the variables of a `make test` that runs this.
    environment = {name: os.environ[name] for name in ('PATH', 'HOME') if name in os.environ}
    answer = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, check=True
    )
    assert ('.ci/setup_env onedl .venv --operators' in answer.stdout) == operators
    assert '.ci/setup_env onedl .venv' in answer.stdout
