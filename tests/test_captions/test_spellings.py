import pytest

from mmtadp.captions.spellings import read_names, respell
from mmtadp.utils.errors import RunError


def test_names_from_anywhere(tmp_path):
    assert read_names(['cat', 'potted plant']) == ['cat', 'potted plant']
    for name, text in (
        ('names.txt', 'cat\n\npotted plant\n'),
        ('names.json', '["cat",\n"potted plant"]'),
        ('names.py', "class_names = ['cat', 'potted plant']"),
    ):
        (tmp_path / name).write_text(text)
        assert read_names([str(tmp_path / name)]) == ['cat', 'potted plant']
    for name, text in (('a.json', '{"cat": 1}'), ('b.json', 'cat'), ('c.py', 'names = 1')):
        (tmp_path / name).write_text(text)
        with pytest.raises(RunError, match=name):
            read_names([str(tmp_path / name)])


def test_the_names_of_voc2012(repository):
    names = read_names([str(repository / 'configs/_base_/class_names/voc2012.py')])
    assert len(names) == 21 and names[-1] == 'television'


def test_spellings():
    assert respell(['sheep', 'aeroplane'], [['aeroplane', 'airplane']]) == ['sheep', 'airplane']
    with pytest.raises(RunError, match="'plane' .* sheep"):
        respell(['sheep'], [['plane', 'airplane']])
