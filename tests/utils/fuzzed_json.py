"""Strategies of hypothesis for JSON that people and programs get wrong."""

import json
from typing import Any

from hypothesis import strategies as st

# The name of a file in the two forms that Unicode has for its letter, and other usual keys.
KEYS = ['a', 'b', 'a.png', 'A.JPG', 'day/a.png', 'night/a.png', 'caf\u00e9', 'cafe\u0301']
_ODD_KEYS = ['', '/', './', '../a.png', 'images', 'annotations', 'image', 'caption', 'a/', '.png']
# What is put into the text of a file, where hypothesis alone would hardly ever put it.
_FRAGMENTS = [
    b'[' * 2000,
    b'{"a":' * 2000,
    b'9' * 5000,
    b'-1e999',
    b'NaN',
    b'Infinity',
    b'"\\ud800"',
    b'\\udfff',
    b'"a": "x",',
    b'"a.png": ["y"],',
    b'{"image": "a.png", "caption": "x"}\n',
    b'"captions"',
    b'\xff',
    b'\xed\xa0\x80',
    b'\x00',
    b'\x1f\x8b\x08',
    b'version https://git-lfs.github.com/spec/v1\n',
    b'\xef\xbb\xbf',
    b'"',
    b'}',
    b',',
    b'\n',
]
_ENCODINGS = [*['utf-8'] * 12, 'utf-8-sig', 'utf-16', 'latin-1', 'cp1252']

# One text in six may hold half a surrogate pair.
texts = st.integers(0, 5).flatmap(
    lambda kind: st.text(
        st.characters(exclude_categories=() if kind == 5 else ('Cs',)), max_size=12
    )
)
keys = st.sampled_from(KEYS) | st.sampled_from(_ODD_KEYS) | texts
_sentences = st.sampled_from(['a dog', 'a bus ', 'eine Straße', '犬', '', ' \n', '"']) | texts
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
_captions = _sentences | st.lists(_sentences, min_size=1, max_size=3)
_entries = st.fixed_dictionaries(
    dict(captions=st.lists(_sentences, min_size=1, max_size=3)),
    optional=dict(class_label=st.integers() | _scalars, score=_anything),
)
_ids = st.integers(0, 3) | st.sampled_from(['1', True, 1.0, None])
_images = st.fixed_dictionaries(dict(id=_ids, file_name=keys), optional=dict(width=_scalars))
_annotations = st.fixed_dictionaries(dict(image_id=_ids, caption=texts | _scalars))
_coco = st.fixed_dictionaries(
    dict(
        images=st.lists(_images | _scalars, max_size=3),
        annotations=st.lists(_annotations | _scalars, max_size=3),
    )
)
_names = st.sampled_from(['a', 'b', 'caf\u00e9', 'cafe\u0301', 'day', '2008_000002']) | texts
_well_kept = st.sampled_from(['{}', '{}.png', 'night/{}.jpg']).flatmap(
    lambda form: st.dictionaries(_names.map(form.format), _captions | _entries, min_size=1)
)
_documents = st.one_of(
    _well_kept,
    _well_kept,
    st.dictionaries(keys, _captions | _entries | _anything, max_size=4),
    _coco,
    _anything,
)


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """Return documents as the bytes of JSON, some of them damaged."""
    text = json.dumps(draw(documents), ensure_ascii=draw(st.booleans()))
    content = text.encode(draw(st.sampled_from(_ENCODINGS)), 'replace')
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.sampled_from([start, start, start + 1, len(content)]))
        piece = draw(st.sampled_from(_FRAGMENTS))
        content = content[:start] + piece + content[end:]
    return content


# A third is whole: what is loaded must be right, too.
caption_files = st.one_of(
    _well_kept.map(json.dumps).map(str.encode), damaged(_documents), damaged(_documents)
)


def answers(numbers: int) -> st.SearchStrategy[bytes]:
    """Return answers of a language model to a number of captions."""
    numbered = [str(number) for number in range(1, numbers + 1)]
    right = st.fixed_dictionaries(dict.fromkeys(numbered, st.just('a dog') | texts))
    return damaged(right | st.dictionaries(st.sampled_from(numbered) | texts, texts | _anything))
