"""What the dataset tools have in common."""

import argparse

import pytest


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


def test_an_interrupted_write_leaves_what_was_there(report, tmp_path, monkeypatch):
    path = tmp_path / 'lists' / 'train.txt'
    report.write_atomically(path, b'before')

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(report.os, 'replace', interrupt)
    with pytest.raises(KeyboardInterrupt):
        report.write_atomically(path, b'after')
    assert path.read_bytes() == b'before'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('complete, code', [(True, 0), (False, 1)])
def test_exit_codes(report, complete, code):
    with pytest.raises(SystemExit) as info:
        report.run(lambda: complete)
    assert info.value.code == code


def test_what_ends_a_tool(report, capsys):
    def fail(error):
        raise error

    with pytest.raises(SystemExit) as info:
        report.run(lambda: fail(report.DatasetError('no data')))
    assert info.value.code == 'no data'  # the interpreter prints it and exits with 1
    with pytest.raises(SystemExit) as info:
        report.run(lambda: fail(KeyboardInterrupt()))
    assert info.value.code == 130
    assert 'repeat the command' in capsys.readouterr().out
