import pytest

from mmtadp.utils.errors import RunError
from mmtadp.utils.text_files import read_lines


@pytest.mark.parametrize(
    'content',
    [
        b'wall\npotted plant\n',
        b'\xef\xbb\xbfwall\r\npotted plant\r\n',
        b'wall\rpotted plant',
        b'\n  wall \n\n\tpotted plant\n\n',
    ],
)
def test_lines_of_any_editor(tmp_path, content):
    path = tmp_path / 'names.txt'
    path.write_bytes(content)
    assert read_lines(path) == ['wall', 'potted plant']


def test_a_line_ends_at_line_breaks_only(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('a\u2028b\x0cc\n')
    assert read_lines(path) == ['a\u2028b\x0cc']


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('straße'.encode('latin-1'), 'names.txt is not UTF-8 text at byte 4. Save it'),
        ('wall'.encode('utf-16'), 'names.txt is not UTF-8 text at byte 0'),
        ('wall'.encode('utf-16-le'), 'names.txt is not text: it holds a zero byte'),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / 'names.txt'
    path.write_bytes(content)
    with pytest.raises(RunError, match=message):
        read_lines(path)
    with pytest.raises(RunError, match='is a folder'):
        read_lines(tmp_path)
