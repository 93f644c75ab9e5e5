"""The arguments that tools share."""

import argparse
import importlib.util
from types import ModuleType

import pytest
import torch

from tests.utils.paths import REPOSITORY


@pytest.fixture(scope='module')
def arguments() -> ModuleType:
    spec = importlib.util.spec_from_file_location('args', REPOSITORY / 'tools' / '_arguments.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ('kind', 'good', 'bad'),
    [
        ('positive', {'1': 1, '+7': 7}, ['0', '-1', '1.5', 'x', '', 'nan', '1e3', str(2**31)]),
        ('non_negative', {'0': 0}, ['-1', '0.0']),
        ('seed', {'0': 0, str(2**63 - 1): 2**63 - 1}, ['-1', str(2**63)]),
        ('positive_number', {'1e-3': 1e-3}, ['0', '-1', 'nan', 'inf', 'x']),
        ('non_negative_number', {'0': 0.0}, ['-1e-9', 'inf']),
        ('fraction', {'0': 0.0, '0.5': 0.5, '1': 1.0}, ['1.01', '-0.1', 'nan', '7']),
    ],
)
def test_numbers(arguments, kind, good, bad):
    parse = getattr(arguments, kind)
    assert {text: parse(text) for text in good} == good
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError) as error:
            parse(text)
        assert str(error.value).startswith('expected a') and repr(text) in str(error.value)


def test_files_and_folders(arguments, tmp_path):
    file, folder = tmp_path / 'photo.png', tmp_path / 'photos'
    file.touch()
    folder.mkdir()
    long = tmp_path / ('a' * 300)
    for kind, good, bad in (
        ('existing_file', [file], {folder: 'a folder, not a file', long: 'does not exist'}),
        ('existing_folder', [folder], {file: 'a file, not a folder', long: 'does not exist'}),
        ('new_file', [file, tmp_path / 'new', long], {folder: 'is a folder; name a file'}),
        ('new_folder', [folder, tmp_path / 'new', long], {file: 'is a file; name a folder'}),
    ):
        parse = getattr(arguments, kind)
        assert [parse(str(path)) for path in good] == list(map(str, good))
        for path, message in bad.items():
            with pytest.raises(argparse.ArgumentTypeError, match=message):
                parse(str(path))
    with pytest.raises(
        argparse.ArgumentTypeError, match=r'does not exist. Did you mean photo.png'
    ):
        arguments.existing_file(str(tmp_path / 'foto.png'))


def test_devices(arguments, monkeypatch):
    assert arguments.device('cpu') == 'cpu'
    for text in ('banana', 'cuda:-1', 'cuda:x', 'CPU', 'meta', ''):
        with pytest.raises(argparse.ArgumentTypeError, match='expected cpu, cuda'):
            arguments.device(text)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(argparse.ArgumentTypeError, match='cuda: torch .* finds no such device'):
        arguments.device('cuda')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert [arguments.device(text) for text in ('cuda', 'cuda:1')] == ['cuda', 'cuda:1']
    with pytest.raises(argparse.ArgumentTypeError, match='there is only cuda:0 to cuda:1'):
        arguments.device('cuda:2')


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--task', 'deteciton'], 'Did you mean detection?'),
        (['--task', 'zzz'], "invalid choice: 'zzz'"),
        (
            ['--bach-size', '3'],
            'unrecognized arguments: --bach-size 3. Did you mean --batch-size?',
        ),
        (['--zzz'], 'unrecognized arguments: --zzz.\n'),
        (['--splits', 'val', 'tset'], 'Did you mean test?'),
        (['--cfg-options', 'a'], '--cfg-options: expected KEY=VALUE, got a'),
        (['--cfg-options', 'a=[1,(2'], '--cfg-options: Imbalanced brackets'),
    ],
)
def test_the_closest_one_is_offered(arguments, capsys, words, message):
    parser = arguments.Parser()
    parser.add_argument('--task', choices=('detection', 'depth'))
    parser.add_argument('--splits', nargs='+', choices=('train', 'val', 'test'))
    parser.add_argument('--batch-size', type=arguments.positive)
    parser.add_argument('--cfg-options', nargs='+', action=arguments.DictAction)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(words)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_arguments_are_parsed(arguments):
    parser = arguments.Parser()
    parser.add_argument('--cfg-options', nargs='+', action=arguments.DictAction)
    parsed = parser.parse_args(['--cfg-options', 'a.b=1,2', 'c=None']).cfg_options
    assert parsed == {'a.b': [1, 2], 'c': None}
