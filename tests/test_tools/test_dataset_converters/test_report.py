"""What the dataset tools have in common."""

import argparse
import os
import struct
import zlib

import pytest
from PIL import Image


@pytest.fixture
def report(repository, monkeypatch):
    """The module, which the tools find by their folder."""
    monkeypatch.syspath_prepend(str(repository / 'tools' / 'dataset_converters'))
    import _report as report

    return report


def test_a_complete_dataset(report, capsys):
    found = report.Report('Pets', dict(train=2, test=None))
    found.count('train', 2, '')
    found.count('test', 1234, '')
    found.missing('images without a mask', [], '')
    assert found.conclude() is True
    printed = capsys.readouterr()
    assert printed.out == 'Pets\n  train: 2\n  test: 1,234\n  complete\n'
    assert printed.err == ''


def test_problems_are_named_with_the_way_out(report, capsys):
    found = report.Report('Pets', dict(train=2000), show=2)
    found.count('train', 1998, 'Download it.')
    found.missing('images without a mask', (f'{i}.png' for i in range(1002)), 'Draw them.')
    assert found.conclude() is False
    printed = capsys.readouterr()
    assert printed.out == 'Pets\n  train: 1,998, expected 2,000\n'
    assert printed.err == (
        '2 problems:\n'
        '  - train: found 1,998, expected 2,000. Download it. If this is '
        'intended, pass --expected train=1998.\n'
        '  - images without a mask (1,002): 0.png, 1.png, and 1,000 more. Draw them.\n'
    )


def test_expected_numbers(report, capsys):
    parser = argparse.ArgumentParser()
    report.add_expected(parser, dict(train=3, val=4, test=5))
    args = parser.parse_args(['--expected', 'train=1', 'test=any'])
    assert report.expected_counts(parser, args) == dict(train=1, val=4, test=None)
    assert 'published: train=3, val=4, test=5' in ' '.join(parser.format_help().split())
    for wrong in ('training=1', 'train', 'train=-1', 'train=few', 'data/pets'):
        with pytest.raises(SystemExit) as info:
            report.expected_counts(parser, parser.parse_args(['--expected', wrong]))
        assert info.value.code == 2
        assert f'--expected {wrong}: expected NAME=N' in capsys.readouterr().err


def test_folder_of_an_archive_unpacked_into_one_of_its_name(report, tmp_path):
    (tmp_path / 'pets' / 'pets' / 'images').mkdir(parents=True)
    inner = tmp_path / 'pets' / 'pets'
    assert report.need_folder(inner, 'images', '') == inner / 'images'
    with pytest.raises(report.DatasetError) as info:
        report.need_folder(tmp_path / 'pets', 'images', 'Download it.')
    assert str(info.value) == (
        f'{tmp_path}/pets has no folder images. There is one in {inner}. Download it.'
    )
    with pytest.raises(report.DatasetError, match='cats is not a folder. Download it.'):
        report.need_folder(tmp_path / 'cats', 'images', 'Download it.')


def test_lists(report, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('b\n\na\r\nb\nb\n')
    found = report.Report('Pets')
    assert report.read_names(path, found, '') == ['b', 'a']
    assert found.problems == [f'names repeated in {path} (1): b. Name each image once.']
    with pytest.raises(report.DatasetError, match='val.txt is not there. Download it.'):
        report.read_names(tmp_path / 'val.txt', found, 'Download it.')


def test_files_by_stem(report, tmp_path):
    for name in ('b.png', 'a.png', '.a.png.12.tmp', '._a.png', 'a.jpg', 'a.b.png'):
        (tmp_path / name).touch()
    assert list(report.stems(tmp_path, '.png')) == ['a', 'a.b', 'b']


@pytest.mark.parametrize('complete, code', [(True, 0), (False, 1)])
def test_exit_codes(report, monkeypatch, complete, code):
    assert _run(report, monkeypatch, lambda args: complete) == code


def _run(report, monkeypatch, check):
    parser = report.Parser()
    report.add_expected(parser, dict(train=3))
    monkeypatch.setattr('sys.argv', ['tool'])
    with pytest.raises(SystemExit) as info:
        report.run(parser, check)
    return info.value.code


def test_what_ends_a_tool(report, monkeypatch, capsys):
    def fail(error):
        raise error

    assert _run(report, monkeypatch, lambda args: fail(report.DatasetError('no data'))) == 2
    assert capsys.readouterr().err == 'error: no data\n'
    assert _run(report, monkeypatch, lambda args: fail(KeyboardInterrupt())) == 130
    assert 'the same command continues' in capsys.readouterr().err


def test_names_that_lead_out_of_the_dataset(report, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('a ../../b /c d/e .. C:\\f g')
    found = report.Report('Pets')
    assert report.read_names(path, found, '') == ['a', 'g']
    assert found.problems == [
        f'entries of {path} that are not names of files (5): '
        '../../b, /c, d/e, .., C:\\f. Remove them.'
    ]
    path.write_bytes(b'a\xff')
    with pytest.raises(report.DatasetError, match='train.txt is not UTF-8 text at byte 1'):
        report.read_names(path, found, '')


def test_headers_that_cannot_be_read(report, tmp_path):
    Image.new('L', (3, 2)).save(tmp_path / 'a.png')
    assert report.image_header(tmp_path / 'a.png') == ('L', (3, 2))
    (tmp_path / 'empty.png').touch()
    write_bomb(tmp_path / 'bomb.png')
    os.mkfifo(tmp_path / 'pipe.png')
    for name in ('empty', 'bomb', 'pipe', 'none'):
        assert report.image_header(tmp_path / f'{name}.png') is None


def write_bomb(path):
    """Write a PNG of some bytes whose header says 60,000 x 60,000 pixels."""
    Image.new('L', (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack('>II', 60_000, 60_000)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    path.write_bytes(content)
