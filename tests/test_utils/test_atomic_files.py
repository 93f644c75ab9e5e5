import errno
import os

import pytest

from mmtadp.utils.atomic_files import (
    DamagedFileError,
    read_json,
    read_text,
    remove_leftovers,
    sync_folder,
    write_bytes,
    write_file,
    write_folder,
    write_json,
    write_text,
)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / 'new' / 'a.json'
    write_json(path, dict(name='ü'))
    assert path.read_bytes() == '{\n  "name": "ü"\n}\n'.encode()
    write_text(path, 'two\r\n')
    assert path.read_bytes() == b'two\r\n'
    assert list(path.parent.iterdir()) == [path]


def test_what_writes_is_given_the_suffix(tmp_path):
    written = []
    write_file(tmp_path / 'a.tar.gz', lambda new: (written.append(new), new.touch()))
    assert written[0].suffix == '.gz' and written[0].name.startswith('.')
    assert [path.name for path in tmp_path.iterdir()] == ['a.tar.gz']


def test_a_failure_keeps_the_file(tmp_path):
    def fail(new):
        new.write_text('half')
        raise KeyboardInterrupt

    write_text(tmp_path / 'a.png', 'old')
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / 'a.png', fail)
    assert [path.read_text() for path in tmp_path.iterdir()] == ['old']


def test_a_failure_keeps_the_folder(tmp_path):
    def fail(new):
        new.mkdir()
        raise KeyboardInterrupt

    write_folder(tmp_path / 'folder', lambda new: write_text(new / 'a', 'old'))
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / 'folder', fail)
    assert [path.name for path in tmp_path.rglob('*')] == ['folder', 'a']


def test_what_a_kill_leaves_is_no_image(tmp_path, monkeypatch):
    """As readers of a folder take what ends in .png, hidden or not."""
    left = []
    monkeypatch.setattr('mmtadp.utils.atomic_files.os.replace', lambda new, path: left.append(new))
    write_bytes(tmp_path / 'a.png', b'')
    assert [path.suffix for path in left] == ['.tmp']


def test_a_folder_is_replaced_whole(tmp_path):
    def write(*names):
        def files(new):
            new.mkdir()
            for name in names:
                (new / name).touch()

        return files

    write_folder(tmp_path / 'x' / 'folder', write('a', 'b'))
    write_folder(tmp_path / 'x' / 'folder', write('c'))
    assert [path.name for path in (tmp_path / 'x' / 'folder').iterdir()] == ['c']
    assert [path.name for path in (tmp_path / 'x').iterdir()] == ['folder']


def fail_with(*arguments):
    """Return a function that writes half a file or folder and then raises an ``OSError``."""

    def write(new):
        if new.suffix == '.new':
            new.mkdir()
            new /= 'part'
        new.write_text('half')
        raise OSError(*arguments)

    return write


@pytest.mark.parametrize('write', [write_file, write_folder])
def test_errors_of_the_system_name_the_target(tmp_path, write):
    path = tmp_path / 'result'
    inside = str(tmp_path / '.result.new' / 'part')
    for named in ((), (inside,)) if write is write_folder else ((),):
        with pytest.raises(OSError) as error:
            write(path, fail_with(errno.ENOSPC, 'No space left on device', *named))
        assert error.value.filename == str(path)
    with pytest.raises(OSError) as error:
        write(path, fail_with(errno.ENOENT, 'No such file', 'another'))
    assert error.value.filename == 'another'
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    for path, number in (
        (tmp_path / 'folder', errno.EISDIR),
        (tmp_path / 'file' / 'a' / 'b', errno.ENOTDIR),
        (tmp_path / 'file' / 'a', errno.EEXIST),
        (tmp_path / ('a' * 300), errno.ENAMETOOLONG),
    ):
        with pytest.raises(OSError) as error:
            write_text(path, 'text')
        assert (error.value.filename, error.value.errno) == (str(path), number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'folder']


def test_a_full_disk_that_a_library_reports_in_its_own_way(tmp_path, monkeypatch):
    def fail(new):
        raise RuntimeError('PytorchStreamWriter failed')

    with pytest.raises(RuntimeError, match='PytorchStreamWriter'):
        write_file(tmp_path / 'a.pt', fail)

    def fill(path, content):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('pathlib.Path.write_bytes', fill)
    with pytest.raises(OSError) as error:
        write_file(tmp_path / 'a.pt', fail)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / 'a.pt'))


def test_a_full_disk_that_a_library_words(tmp_path):
    def fail(new):
        raise RuntimeError('I/O error: No space left on device (os error 28)')

    with pytest.raises(OSError) as error:
        write_folder(tmp_path / 'folder', fail)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / 'folder'))


def test_a_folder_between_two_renames_is_restored(tmp_path):
    write_folder(tmp_path / 'folder', lambda new: write_text(new / 'a', 'old'))
    os.replace(tmp_path / 'folder', tmp_path / '.folder.old')  # where a kill came
    with pytest.raises(OSError):
        write_folder(tmp_path / 'folder', fail_with(errno.ENOSPC, ''))
    assert [path.name for path in tmp_path.rglob('*')] == ['folder', 'a']


def test_leftovers_of_kills(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr('mmtadp.utils.atomic_files.os.replace', lambda new, path: None)
        patch.setattr('pathlib.Path.unlink', lambda self: None)
        write_file(tmp_path / 'a.pt', lambda new: new.touch())
        write_text(tmp_path / 'b.json', '')
    for name in ('a.pt', '.lock', '.b.json'):
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == 5
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'a.pt', '.lock', '.b.json'}


def test_windows_has_nothing_to_sync(tmp_path, monkeypatch):
    sync_folder(tmp_path)
    monkeypatch.setattr('mmtadp.utils.atomic_files.os.name', 'nt')
    monkeypatch.setattr('mmtadp.utils.atomic_files.os.open', None)  # a folder cannot be opened
    sync_folder(tmp_path)


@pytest.mark.parametrize(
    ('content', 'found'),
    [
        (None, 'is missing'),
        (b'', 'is damaged: not JSON'),
        (b'{"a": 1', 'is damaged: not JSON'),
        (b'[' * 100_000, 'is damaged: not JSON'),
        (b'{"a": "\xfc"}', 'is damaged: it is not UTF-8'),
        (b'null', 'it holds a NoneType, not an object'),
        (b'{"a": 1}', "it has no entry 'b'"),
        (b'{"a": 1, "b": []}', "'b' is [], not text"),
        (b'{"a": true, "b": ""}', "'a' is True, not a number"),
    ],
)
def test_damaged_json(tmp_path, content, found):
    path = tmp_path / 'run.json'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedFileError) as error:
        read_json(path, 'Give another --out.', dict(a=float, b=str))
    for part in (str(path), found, ' Give another --out.'):
        assert part in str(error.value)


def test_read(tmp_path):
    write_json(tmp_path / 'a.json', dict(a=1, b='ü'))
    assert read_json(tmp_path / 'a.json', '', dict(a=float, b=str)) == dict(a=1, b='ü')
    assert read_text(tmp_path / 'a.json', '').startswith('{')
    (tmp_path / 'b.json').write_text('{}', encoding='utf-8-sig')  # as some editors save it
    assert read_json(tmp_path / 'b.json', '') == {}
