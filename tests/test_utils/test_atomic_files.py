import pytest

from mmtadp.utils.atomic_files import write_bytes, write_file, write_folder, write_json, write_text


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
