"""tools/dataset_converters/cross_domain_detection.py"""

import shutil
from pathlib import Path

import pytest

from tests.test_tools.test_dataset_converters.conftest import snapshot, write_image

NAMES = ('bicycle', 'bird', 'car', 'cat', 'dog', 'person')
COUNTS = ('--expected', 'train=2', 'test=3')
BOX = '<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>8</xmax><ymax>6</ymax></bndbox>'


def annotation(*objects: str) -> str:
    return f'<annotation>{"".join(objects)}</annotation>'


def obj(name: str, box: str = BOX) -> str:
    return f'<object><name>{name}</name>{box}</object>'


def bndbox(*sides) -> str:
    names = ('xmin', 'ymin', 'xmax', 'ymax')
    inner = ''.join(f'<{name}>{side}</{name}>' for name, side in zip(names, sides))
    return f'<bndbox>{inner}</bndbox>'


@pytest.fixture
def watercolor(tmp_path) -> Path:
    """Two images to train on, three to test on, all classes in each annotation but the last."""
    root = tmp_path / 'watercolor'
    (root / 'Annotations').mkdir(parents=True)
    (root / 'ImageSets' / 'Main').mkdir(parents=True)
    for split, names in dict(train=['11', '12'], test=['21', '22', '23']).items():
        (root / 'ImageSets' / 'Main' / f'{split}.txt').write_text('\n'.join(names) + '\n')
        for name in names:
            write_image(root / 'JPEGImages' / f'{name}.jpg', mode='RGB')
            (root / 'Annotations' / f'{name}.xml').write_text(annotation(*map(obj, NAMES)))
    (root / 'Annotations' / '23.xml').write_text(annotation())
    return root


def test_complete(converter, watercolor):
    before = snapshot(watercolor)
    assert converter('cross_domain_detection', watercolor, *COUNTS) == (
        0,
        f'{watercolor}\n  train: 2\n  test: 3\n'
        '  objects: bicycle 4, bird 4, car 4, cat 4, dog 4, person 4\n'
        '  images without an object: 1\n  complete\n',
        '',
    )
    assert snapshot(watercolor) == before


def test_published_numbers(converter, watercolor):
    result = converter('cross_domain_detection', watercolor)
    assert result.code == 1
    assert 'train: found 2, expected 1,000. Unpack watercolor.zip or comic.zip' in result.err
    assert '--expected test=3.' in result.err


def test_missing_files(converter, watercolor):
    (watercolor / 'JPEGImages' / '11.jpg').unlink()
    (watercolor / 'Annotations' / '21.xml').unlink()
    (watercolor / 'Annotations' / '22.xml').unlink()
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert result.code == 1
    images, xmls = watercolor / 'JPEGImages', watercolor / 'Annotations'
    assert f'images of train.txt missing in {images} (1): 11.jpg. Unpack' in result.err
    assert f'annotations of test.txt missing in {xmls} (2): 21.xml, 22.xml. Unpack' in result.err
    assert result.err.startswith('2 problems:')


def test_files_that_no_list_names_are_no_problem(converter, watercolor):
    write_image(watercolor / 'JPEGImages' / '99.jpg', mode='RGB')
    (watercolor / 'Annotations' / '99.xml').write_text(annotation(obj('sheep')))
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert result.code == 0
    assert 'images in neither list, which no config reads: 1' in result.out


def test_wrong_classes(converter, watercolor):
    xmls = watercolor / 'Annotations'
    (xmls / '11.xml').write_text(annotation(obj('sheep'), obj('sheep'), obj('cat')))
    (xmls / '23.xml').write_text(annotation(obj('aeroplane')))
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert result.code == 1
    assert (
        'class names other than bicycle, bird, car, cat, dog, person (2): '
        "'sheep' in 11.xml, 'aeroplane' in 23.xml. Objects of other classes are not scored"
    ) in result.err
    more = (*COUNTS, '--classes', *NAMES, 'sheep', 'aeroplane', 'horse')
    result = converter('cross_domain_detection', watercolor, *more)
    assert result.err == (
        '1 problem:\n  - classes without an object (1): horse. Is this the set you mean?\n'
    )


@pytest.mark.parametrize(
    'box, problem',
    [
        ('', 'without four numbers'),
        (bndbox(1, 2, 3), 'without four numbers'),
        (bndbox(1, 2, 3, 'four'), 'without four numbers'),
        (bndbox(1, 2, 'nan', 4), 'without four numbers'),
        (bndbox(1, 2, 'inf', 4), 'without four numbers'),
        (bndbox(5, 2, 3, 4), '(5, 2, 3, 4) without an area'),
        # The dummy boxes of the extra sets.
        (bndbox(1, 1, 1, 1), '(1, 1, 1, 1) without an area'),
        (bndbox(9, 2, 12, 4), '(9, 2, 12, 4) outside of 8 x 6'),
        (bndbox(-4, 2, 0, 4), '(-4, 2, 0, 4) outside of 8 x 6'),
    ],
)
def test_invalid_boxes(converter, watercolor, box, problem):
    (watercolor / 'Annotations' / '23.xml').write_text(annotation(obj('dog', box)))
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert result.err == (
        f'1 problem:\n  - invalid boxes (1): dog {problem} in 23.xml. Correct or remove them.\n'
    )


@pytest.mark.parametrize('sides', [(1.0, 2.6, 8.2, 6.9), (0, 0, 8, 6), (1, 1, 9, 7), (8, 1, 9, 2)])
def test_boxes_that_are_as_good_as_valid(converter, watercolor, sides):
    xml = watercolor / 'Annotations' / '23.xml'
    xml.write_text(annotation(obj('dog', bndbox(*sides))))
    assert converter('cross_domain_detection', watercolor, *COUNTS).code == 0


def test_damaged_files(converter, watercolor):
    (watercolor / 'JPEGImages' / '12.jpg').write_bytes(b'')
    (watercolor / 'Annotations' / '22.xml').write_text('<annotation>')
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert f'unreadable images in {watercolor / "JPEGImages"} (1): 12.jpg. Unpack' in result.err
    assert 'unreadable annotations (1): 22.xml (no element found: line 1, column 12)' in result.err
    encoded = b'<?xml version="1.0" encoding="%s"?><annotation/>'
    (watercolor / 'Annotations' / '22.xml').write_bytes(encoded % b'no-such')
    (watercolor / 'Annotations' / '11.xml').write_bytes(encoded % b'utf-7')
    result = converter('cross_domain_detection', watercolor, *COUNTS)
    assert result.code == 1
    assert 'unreadable annotations (2): 11.xml (multi-byte encodings' in result.err
    assert '22.xml (unknown encoding: no-such)' in result.err


def test_an_image_in_both_lists(converter, watercolor):
    with (watercolor / 'ImageSets' / 'Main' / 'train.txt').open('a') as file:
        file.write('21\n')
    result = converter('cross_domain_detection', watercolor, '--expected', 'train=3', 'test=3')
    assert 'images both in train.txt and in test.txt (1): 21. Unpack' in result.err


def test_two_sets_are_both_reported(converter, watercolor, tmp_path):
    comic = tmp_path / 'comic'
    shutil.copytree(watercolor, comic)
    (comic / 'Annotations' / '11.xml').unlink()
    result = converter('cross_domain_detection', comic, watercolor, *COUNTS)
    assert result.code == 1
    assert [line for line in result.out.splitlines() if line.startswith('/')] == [
        str(comic),
        str(watercolor),
    ]
    assert result.err.count('problem') == 1
    assert result.out.count('complete') == 1


def test_what_has_to_be_there(converter, watercolor, tmp_path):
    result = converter('cross_domain_detection', tmp_path)
    assert f'has no folder ImageSets/Main. There is one in {watercolor}. Unpack' in result.err
    (watercolor / 'ImageSets' / 'Main' / 'test.txt').unlink()
    assert 'test.txt is not there.' in converter('cross_domain_detection', watercolor).err
    assert converter('cross_domain_detection').code == 2  # no folder named


def test_real_annotation(converter, shared, tmp_path):
    """VOC2007's 000001, whose layout is that of the two sets: a dog and a person."""
    root = tmp_path / 'VOC2007'
    shutil.copytree(shared / 'samples' / 'VOCdevkit' / 'VOC2007', root)
    lists = root / 'ImageSets' / 'Main'
    lists.chmod(0o755)
    (lists / 'train.txt').write_text('')
    result = converter(
        'cross_domain_detection', root, '--classes', 'dog', 'person', '--expected', 'train=0',
        'test=1',
    )  # fmt: skip
    assert result.code == 0, result.err
    assert 'objects: dog 1, person 1' in result.out
