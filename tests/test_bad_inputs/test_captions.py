"""Caption files, images to caption, and the arguments of the captions tools and transforms."""

import errno
import json
import multiprocessing
import os
import time

import pytest
from PIL import Image

from mmtadp.captioning.cleaning import ChatEndpoint
from mmtadp.captioning.journal import Journal
from mmtadp.datasets.transforms import (
    CaptionLoadTransform,
    DomainModifier,
    NounsTransform,
    OracleCaptionTransform,
)

# Caption files that nothing can use, and what each message must name next to the file.
BAD_FILES = {
    'empty.json': (b'', ['not JSON', 'line 1, column 1', 'Accepted schemas']),
    'deep.json': (b'{"a":' + b'[' * 10_000 + b']' * 10_000 + b'}', ['nested too deeply']),
    'digits.json': (b'{"a":' + b'9' * 5000 + b'}', ['an integer has too many digits']),
    'key.json': (b'{"\\ud800": "x"}', ["'\\ud800'", 'half a surrogate pair']),
    'text.json': (b'{"a": "\\udfff"}', ["'a'", 'half a surrogate pair']),
    'nan.json': (b'{"a": NaN}', ["'a'", 'float nan']),
    'label.json': (b'{"a": {"captions": ["x"], "class_label": [1]}}', ["'a'", 'list [1]']),
    'nan_label.json': (b'{"a": {"captions": ["x"], "class_label": NaN}}', ['float nan']),
    'twice.json': (b'{"a": "x", "a": "y"}', ["'a' is given twice", "'x'", "'y'"]),
    'forms.json': (b'{"\\u00e9": "x", "e\\u0301": "y"}', ["'\\xe9' and 'e\\u0301'"]),
    'record.jsonl': (b'{"image": "a.jpg", "caption": "x"}\n', ['one record of a list']),
    'lines.jsonl': (b'{"a": "x"}\n{"b": "y"}\n', ['line 2', 'one object for all images']),
    'table.csv': (b'image,caption\na.jpg,x\n', ['not JSON', 'Accepted schemas']),
    'pointer.json': (
        b'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 900\n',
        ['Git LFS pointer', 'git lfs pull'],
    ),
    'page.json': (b'<!DOCTYPE html><html>', ['web page', 'Download']),
    'utf16.json': ('{"a": "x"}'.encode('utf-16'), ['not UTF-8 text at byte 0', 'as UTF-8']),
    'latin.json': ('{"a": "é"}'.encode('latin-1'), ['not UTF-8 text at byte 7']),
    'lavis.json': (b'[{"image": "a.jpg", "caption": "x"}]', ['list [', 'Accepted schemas']),
    'instances.json': (
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}]}',
        ['annotations[0]', 'the captions file, not the instances'],
    ),
    'kinds.json': (b'{"a": "x", "b.png": "y"}', ["'a' (stem)", "'b.png' (file name)", 'key=']),
    'blank.json': (b'{"a": " "}', ["'a' is empty", "missing='null'"]),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_training(call, small_file, name):
    content, names = BAD_FILES[name]
    path = small_file(name, content)
    call(lambda: CaptionLoadTransform(str(path))).check(2, [path, *names])


TOOLS = [
    ('captions/check.py', '{}'),
    ('captions/merge.py', '{} --out out.json'),
    ('captions/derive.py', 'nouns {} --out out.json'),
    ('captions/clean.py', '{} --style night --out out.json'),
    ('dataset_converters/nyu_captions.py', '{} --out out.json'),
]


@pytest.mark.parametrize('name', ['deep.json', 'digits.json', 'key.json', 'nan_label.json'])
@pytest.mark.parametrize(('script', 'words'), TOOLS)
def test_tools(tool, small_file, own_tagger, tmp_path, script, words, name):
    content, names = BAD_FILES[name]
    path = small_file(name, content)
    tool(script, *words.format(path).split()).check(2, [path, *names])
    assert not (tmp_path / 'out.json').exists()


@pytest.fixture
def own_tagger(monkeypatch):
    """The rules and nouns are not reached, and their data are not there."""
    monkeypatch.setattr('mmtadp.captions.nouns.load_tagger', lambda: None)
    monkeypatch.setattr('mmtadp.captioning.cleaning.OfflineCleaner', lambda vocabulary: str)


@pytest.fixture
def place(small_file, tmp_path):
    """Write the files that the commands below name."""
    small_file('a.json', '{"x": {"captions": ["a dog"], "class_label": 1}}')
    small_file('b.json', '{"x": {"captions": ["a cat"]}}')
    small_file('names.json', '{"b.png": "a cat"}')
    small_file('file', 'text')
    small_file('names.txt', 'cat\ndog')
    small_file('names_deep.json', '[' * 10_000)
    small_file('damaged.json', '{"x": "a dog"}')
    small_file('damaged.provenance.json', '{"settings": ')
    small_file('listed.json', '{"y": "a dog"}')
    small_file('listed.skipped.txt', b'\xff\xfe')
    small_file('columns.txt', 'images/a.png masks/a.png 518.8\n')
    small_file('gone.txt', 'images/z.png\n')
    small_file('words.txt', b'caf\xe9')
    small_file('style.yaml', '[' * 800)
    small_file('started.journal/run.json', 'null')
    small_file('started.journal/0.jsonl', '{"captions": {}, "skipped": {"a.png": "broken"}}\n')
    small_file('torn.journal/run.json', '{"settings": {}, "overwrite": false}')
    small_file('torn.journal/0.jsonl', '{"captions": [], "skipped": {}}\n')
    small_file('other.journal/run.json', '{"settings": {"model": "m"}, "overwrite": false}')
    small_file('other.journal/0.jsonl', '{"captions": {"a.png": "x"}, "skipped": {}}\n')
    (tmp_path / 'images').mkdir()
    (tmp_path / 'folder.json').mkdir()
    Image.new('RGB', (8, 8)).save(tmp_path / 'images' / 'a.png')
    (tmp_path / 'none').mkdir()
    if hasattr(os, 'mkfifo'):
        os.mkfifo(tmp_path / 'pipe.json')


# Script, arguments, and what the message must name.
COMMANDS = [
    ('generate', 'nowhere --out o.json', ["'nowhere' does not exist", 'a folder']),
    ('generate', 'none --out o.json', ["'none' has no image", '.jpg']),
    ('generate', 'columns.txt --out o.json', ['columns.txt', "'images/a.png masks", 'a tab']),
    ('generate', 'gone.txt --out o.json', ['gone.txt', 'images/z.png', '--root']),
    ('generate', 'images --out folder.json', ['--out', 'folder.json is a folder']),
    ('generate', 'images --out file/o.json', ['file/o.json', '/file is a file, not a folder']),
    ('generate', 'images --out o.txt', ['o.txt', 'must end in .json']),
    ('generate', 'images --out started.json', ['run.json', 'damaged', '--overwrite']),
    ('generate', 'images --out torn.json', ['0.jsonl, line 1', "'captions' is []", '--overwrite']),
    ('generate', 'images --out other.json', ['other.journal', "model was 'm'", '--overwrite']),
    ('generate', 'images --out damaged.json', ['damaged.provenance.json', 'Remove it']),
    ('generate', 'images --out a.json', ['a.json exists', 'a.provenance.json', '--overwrite']),
    ('generate', 'images --out o.json --part 2 2', ['--part 2 2', '0 <= index < count']),
    ('generate', 'images --out o.json --batch-size 0', ['--batch-size', "got '0'", '1 or more']),
    ('generate', 'images --out o.json --workers -1', ['--workers', '0 or more']),
    ('generate', 'images --out o.json --device banana', ['--device', "'banana'", 'cuda']),
    ('generate', 'images --out o.json --num-beams 0.5', ['--num-beams', "'0.5'"]),
    ('generate', 'images --out o.json --key stme', ['--key', 'Did you mean stem?']),
    ('merge', 'a.json b.json --out o.json', ["'x'", 'a.json', 'b.json', '--on-conflict']),
    ('merge', 'a.json names.json --out o.json', ["a.json has 'x'", "names.json has 'b.png'"]),
    ('merge', 'a.json gone.json --out o.json', ['caption file not found', 'gone.json']),
    ('merge', 'a.json pipe.json --out o.json', ['pipe.json', 'a pipe or a device']),
    ('merge', 'a.json --out b.json', ['b.json exists', '--overwrite']),
    ('merge', 'a.json --out folder.json --overwrite', ['folder.json is a folder']),
    ('merge', 'a.json --out file/o.json', ['file/o.json', 'is a file, not a folder']),
    ('merge', 'a.json listed.json --out o.json', ['listed.skipped.txt', 'UTF-8', 'Remove it']),
    ('merge', 'damaged.json --out o.json', ['damaged.provenance.json', 'not JSON', 'Remove it']),
    ('merge', 'a.json --out o.json --on-conflict frist', ['--on-conflict', 'mean first?']),
    ('check', 'a.json --max-tokens 0', ['--max-tokens', '1 or more']),
    ('check', 'a.json images --root', ['--root']),
    ('check', 'a.json --words-file words.txt', ['words.txt', 'not UTF-8']),
    ('check', 'a.json --style oil', ["'oil'", 'watercolor']),
    ('check', 'a.json --report folder.json', ['--report', 'folder.json is a folder']),
    ('check', 'gone.json', ['caption file not found', 'gone.json']),
    ('derive', 'class-names images --out o.json', ['images', '--class-names']),
    (
        'derive',
        'class-names images --out o.json --class-names names_deep.json',
        ['names_deep.json', 'does not list class names'],
    ),
    (
        'derive',
        'class-names images --out o.json --class-names names.txt --spelling dgo dog',
        ["'dgo'", 'cat, dog'],
    ),
    ('derive', 'oracle gone.py --out o.json', ['gone.py', 'not there']),
    ('derive', 'oracle gone.py --out o.json --recall 1.5', ['--recall', 'at most 1']),
    ('clean', 'a.json --style style.yaml --out o.json', ['style.yaml', 'not YAML']),
    ('clean', 'a.json --style night --out o.json --model m', ['--model needs --endpoint']),
    (
        'clean',
        'a.json --style night --out o.json --endpoint http://h --model m --max-cost 1',
        ['--max-cost needs --prices'],
    ),
    ('clean', 'a.json --style night --out o.json --timeout 0', ['--timeout', 'above 0']),
    ('benchmark', 'images --repeats 0', ['--repeats', '1 or more']),
    ('benchmark', 'nowhere', ["'nowhere' does not exist"]),
]


@pytest.mark.parametrize(
    ('script', 'words', 'names'), COMMANDS, ids=[f'{c[0]} {c[1]}' for c in COMMANDS]
)
def test_commands(tool, place, tmp_path, script, words, names):
    if 'pipe' in words and not (tmp_path / 'pipe.json').exists():
        pytest.skip('needs named pipes')
    before = set(tmp_path.rglob('*'))
    tool(f'captions/{script}.py', *words.split()).check(2, names)
    assert set(tmp_path.rglob('*')) - before == set()


def endpoint(url: str, key: str | None = None) -> ChatEndpoint:
    return ChatEndpoint(url, 'm', None, key)


GOOD = {'Street_01': 'a dog', 'b': 'a cat'}
# What is called with a good caption file, and what the message must name.
CALLS = [
    (lambda file: CaptionLoadTransform(file, missing='nul'), ["'nul'", "'null'?"]),
    (lambda file: CaptionLoadTransform(file, missing=None), ['missing', 'None']),
    (lambda file: CaptionLoadTransform(file, select='rand'), ["'random'?"]),
    (lambda file: CaptionLoadTransform(file, key='path'), ['key', "'relpath'"]),
    (lambda file: CaptionLoadTransform(5), ['ann_file=5', 'caption file']),
    (lambda file: CaptionLoadTransform([]), ['ann_file=[]', 'caption file']),
    (lambda file: CaptionLoadTransform([file, None]), ['ann_file=[', 'None']),
    (lambda file: CaptionLoadTransform(file + 'x'), ['not found', 'Similar names', 'good.json']),
    (lambda file: CaptionLoadTransform(file).transform('a.png'), ['str', 'inference_model']),
    (lambda file: CaptionLoadTransform(file).transform({'img': 0}), ['img_path', 'img']),
    (lambda file: CaptionLoadTransform(file).transform({'img_path': 3}), ['img_path', '3']),
    (
        lambda file: CaptionLoadTransform(file).transform({'img_path': 'street_01.png'}),
        ['street_01.png', "'Street_01'", "missing='null'"],
    ),
    (
        lambda file: CaptionLoadTransform(file, 'filename').transform({'img_path': 'd/b.png'}),
        ["'b' has the same stem", "key='stem'"],
    ),
    (lambda file: DomainModifier(5), ['template=5']),
    (lambda file: DomainModifier('at night'), ['{caption} occurs 0 times']),
    (lambda file: DomainModifier('{caption} {caption}'), ['occurs 2 times']),
    (lambda file: DomainModifier('{captoin}'), ['{captoin}', '{caption}']),
    (lambda file: DomainModifier('a {token} {caption}'), ['{token}', 'learned_embeds']),
    (lambda file: DomainModifier('a {caption}').transform({}), ["results['caption']"]),
    (lambda file: DomainModifier('a {caption}').transform({'caption': ['x']}), ["['x'] (list)"]),
    (lambda file: NounsTransform().transform({'img': 0}), ["results['caption']", 'img']),
    (lambda file: NounsTransform().transform({'caption': None}), ['None (NoneType)']),
    (lambda file: OracleCaptionTransform(None), ['class_names=None', 'list of names']),
    (lambda file: OracleCaptionTransform('cat dog'), ["class_names='cat dog'"]),
    (lambda file: OracleCaptionTransform(['cat'], precision='no'), ['precision', "'no'"]),
    (lambda file: OracleCaptionTransform(['cat'], recall=0), ['recall=0']),
    (lambda file: OracleCaptionTransform(['cat'], seed=0.5), ['seed', '0.5']),
    (lambda file: endpoint('localhost:8000'), ["'localhost:8000'", 'http(s)://HOST']),
    (lambda file: endpoint('http://host:99999/v1'), ['99999', 'http(s)://HOST']),
    (lambda file: endpoint('http://'), ["'http://'"]),
    (lambda file: endpoint('http://h', 'k\u00e9y'), ['API key', '--key-env']),
]


@pytest.mark.parametrize('case', range(len(CALLS)))
def test_calls(call, small_file, monkeypatch, case):
    function, names = CALLS[case]
    monkeypatch.setattr('mmtadp.datasets.transforms.nouns_transform.load_tagger', lambda: None)
    path = str(small_file('good.json', json.dumps(GOOD)))
    call(lambda: function(path)).check(2, names)


def _hold(folder, held) -> None:
    Journal(folder).claim()
    held.set()
    time.sleep(60)


def test_two_runs_into_one_file(tool, place, tmp_path):
    context = multiprocessing.get_context('fork')
    held = context.Event()
    other = context.Process(target=_hold, args=(tmp_path / 'o.journal', held), daemon=True)
    other.start()
    try:
        assert held.wait(60)
        outcome = tool('captions/generate.py', 'images', '--out', 'o.json')
    finally:
        other.kill()
        other.join()
    outcome.check(2, ['another process is at work on', '/o.json', 'name another --out'])


@pytest.mark.parametrize(
    ('script', 'words', 'continues'),
    [
        ('generate', 'images', ['The same command continues.']),
        ('merge', 'a.json b.json --on-conflict first', []),
        ('derive', 'class-names images --class-names names.txt', []),
    ],
)
def test_full_disk(tool, place, monkeypatch, tmp_path, script, words, continues):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('os.fsync', full)
    outcome = tool(f'captions/{script}.py', *words.split(), '--out', 'o.json')
    outcome.check(2, ['/o.json', 'the disk is full', *continues])
    assert not (tmp_path / 'o.json').exists()
