"""Damaged caption files: read right, or refused with the name of the file.

A few hundred files here; the command for 10,000 is in docs/captions/format.md.
"""

import itertools
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from mmtadp.captions import CaptionFileError, check_captions, derive_file, merge_files
from mmtadp.captions.formats import read_caption_file
from mmtadp.datasets.transforms import CaptionLoadTransform
from mmtadp.datasets.transforms.load_captions import CaptionNotFoundError
from mmtadp.utils.errors import RunError
from tests.utils.fuzzed_json import KEYS, caption_files, keys

_NUMBERS = itertools.count()


def write(folder: Path, content: bytes) -> Path:
    """Each file has a name of its own: a file that is read twice comes from a cache."""
    path = folder / f'file{next(_NUMBERS)}.json'
    path.write_bytes(content)
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('fuzz')


@given(
    caption_files,
    st.sampled_from(['auto', 'auto', 'stem', 'filename', 'relpath']),
    st.sampled_from(['error', 'null']),
    st.lists(keys, min_size=2, max_size=4),
)
def test_training(folder, content, policy, missing, names):
    path = write(folder, content)
    try:
        load = CaptionLoadTransform(str(path), policy, missing)
        found = read_caption_file(str(path))
    except CaptionFileError as error:
        event('refused by name')
        assert str(path) in str(error)
        return
    finally:
        path.unlink()
    event('loaded')
    for name in [*names, *KEYS, *found]:
        caption = ''
        with suppress(CaptionNotFoundError):
            caption = load.transform(dict(img_path=f'/data/{name}'))['caption']
        assert caption == caption.encode().decode()


@given(caption_files)
def test_tools(folder, content):
    path, out = write(folder, content), folder / 'out.json'
    uses = dict(
        check=lambda: check_captions(str(path)),
        merge=lambda: merge_files([str(path)], str(out)),
        derive=lambda: derive_file(str(path), str(out), {}, str.upper),
    )
    for name, use in uses.items():
        out.unlink(missing_ok=True)
        try:
            use()
        except RunError as error:
            event(f'{name}: refused by name')
            assert str(path) in str(error) or str(out) in str(error)
            assert not out.exists()
        else:
            event(f'{name}: done')
            assert name == 'check' or read_caption_file(str(out))
    path.unlink()


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'{"a":' + b'[' * 10_000 + b']' * 10_000 + b'}', 'nested too deeply'),
        (b'{"a": {"captions": ["x"], "n": ' + b'9' * 5000 + b'}}', 'too many digits'),
        (b'{"\\ud800": "x"}', "key '\\ud800': the key holds half a surrogate pair"),
        (b'{"a": {"captions": ["x"], "class_label": [1]}}', '"class_label" is list [1], not an'),
        (b'{"a": {"captions": ["x"], "class_label": NaN}}', '"class_label" is float nan, not an'),
        (b'{"a": {"captions": ["x"], "class_label": true}}', '"class_label" is bool True, not an'),
        (b'{"image": "a.jpg", "caption": "a dog"}', 'found one record of a list'),
        (b'{"file_name": "a.jpg", "text": "a dog", "n": 1}\n', 'found one record of a list'),
        (b'{"a": "x"}\n{"b": "y"}\n', 'one object for all images, not one a line'),
        (b'{"caf\\u00e9": "x", "cafe\\u0301": "y"}', "two Unicode forms of 'caf\u00e9'"),
    ],
)
def test_what_the_fuzzer_must_find(tmp_path, content, words):
    path = write(tmp_path, content)
    for use in (
        lambda: CaptionLoadTransform(str(path)),
        lambda: check_captions(str(path)),
        lambda: merge_files([str(path)], str(tmp_path / 'out.json')),
    ):
        with pytest.raises(RunError) as error:
            use()
        assert str(path) in str(error.value) and words in str(error.value)
    assert not (tmp_path / 'out.json').exists()
