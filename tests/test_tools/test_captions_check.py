import json

import pytest
from PIL import Image


@pytest.fixture
def tool(run_tool, capsys):
    """Run a captions tool in this process; return exit code, output and errors."""

    def tool(name: str, *args) -> tuple[int, str, str]:
        code = 0
        try:
            run_tool(f'captions/{name}', *args)
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return tool


@pytest.fixture
def images(tmp_path):
    (tmp_path / 'images').mkdir()
    for name in 'abc':
        Image.new('RGB', (8, 8)).save(tmp_path / 'images' / f'{name}.png')
    return tmp_path / 'images'


def write(path, captions: dict) -> None:
    path.write_text(json.dumps(captions))


def test_check_of_a_good_file(tool, images, tmp_path):
    write(tmp_path / 'good.json', dict.fromkeys('abc', 'a dog'))
    code, said, _ = tool('check', 'good.json', images, '--words', 'painting')
    assert code == 0
    assert said.splitlines() == [
        'good.json: 3 keys (read as stem), compared with 3 images',
        'tokens per caption: 4 to 4, median 4, limit 77',
        "1 captions belong to several images (not a problem); the most frequent one to 3: 'a dog'",
        'no problems',
    ]


def test_check_of_a_bad_file(tool, images, tmp_path):
    write(tmp_path / 'bad.json', {'a': 'a painting of a dog', 'b': 'a ' * 80, 'x': ['', '']})
    (tmp_path / 'words.txt').write_text('# styles\npainting\nwater color\n')
    more = ('--words-file', 'words.txt', '--report', 'report.json')
    code, said, _ = tool('check', 'bad.json', images, *more)
    assert code == 1
    assert 'missing: 1 images without a caption\n    ' + str(images / 'c.png') in said
    assert 'extra: 1 keys that no image has\n    x' in said
    assert 'long: 1 captions that the text encoder cuts off\n    b: 82 tokens' in said
    assert 'words: painting 1' in said
    assert said.endswith('problems: missing, extra, empty, repeated, long, style\n')
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['missing'] == [str(images / 'c.png')] and report['empty'] == ['x']
    allowed = ('missing', 'extra', 'empty', 'repeated', 'long', 'style')
    assert tool('check', 'bad.json', images, *more, '--allow', *allowed)[0] == 0


def test_check_of_styles(tool, images, tmp_path):
    write(
        tmp_path / 'night.json',
        {'a': 'a dark street in the rain', 'b': 'sepia dogs', 'c': 'an art gallery'},
    )
    (tmp_path / 'old.yaml').write_text('description: old photos\nstyles: [sepia]\n')
    styles = ('--style', 'night', 'rain', 'watercolor', 'old.yaml')
    code, said, _ = tool('check', 'night.json', images, *styles, '--words', 'dogs')
    assert code == 1
    assert 'style: 2 captions with a word of the style or list' in said
    assert 'words: dark street 1, rain 1, sepia 1, dogs 1' in said
    code, _, errors = tool('check', 'night.json', images, '--style', 'oil')
    assert code == 2 and "error: style 'oil': expected one of comic, fog, night" in errors


def test_check_of_no_file(tool, images):
    code, _, errors = tool('check', 'gone.json', images)
    assert code == 2 and 'error: caption file not found' in errors


def test_merge(tool, tmp_path):
    write(tmp_path / 'a.json', {'a': 'a dog'})
    write(tmp_path / 'b.json', {'a': 'a wolf', 'b': 'a cat'})
    code, _, errors = tool('merge', 'a.json', 'b.json', '--out', 'all.json')
    assert code == 2 and "key 'a' has different captions" in errors
    code, said, _ = tool('merge', 'a.json', 'b.json', '--out', 'all.json', '--on-conflict', 'last')
    assert code == 0
    assert said == 'all.json: 2 images from 2 files, 1 conflicts settled (last)\n'
