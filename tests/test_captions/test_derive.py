import hashlib
import json
from pathlib import Path

import pytest

from mmtadp.captions import derive_file, write_derived
from mmtadp.utils.errors import RunError


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_entries_and_provenance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('a.json').write_text(
        '{"b": {"captions": ["A dog", "a DOG"], "class_label": 3}, "a": "CAT", "c": "-"}'
    )

    def change(caption: str) -> str:
        return caption.lower().strip('-')

    result = derive_file('a.json', 'out.json', dict(derived='lower'), change)
    assert result == (3, 4, ['c'])
    assert Path('out.json').read_text() == (
        '{\n'
        '"a": {"captions": ["cat"]},\n'
        '"b": {"captions": ["a dog"], "class_label": 3},\n'
        '"c": {"captions": [""]}\n'
        '}\n'
    )
    provenance = json.loads(Path('out.provenance.json').read_text())
    assert provenance['settings']['derived'] == 'lower'
    assert provenance['settings']['source']['sha256'] == sha256(Path('a.json'))
    assert provenance['sha256'] == sha256(Path('out.json'))
    # A file may replace its source, when that is asked for.
    with pytest.raises(RunError, match='replace it with --overwrite'):
        derive_file('out.json', 'out.json', {}, change)
    assert derive_file('out.json', 'out.json', {}, change, overwrite=True).changed == 0
    provenance = json.loads(Path('out.provenance.json').read_text())
    assert provenance['settings']['source']['provenance']['settings']['derived'] == 'lower'


def test_captions_of_no_file(tmp_path):
    out = tmp_path / 'out.json'
    assert write_derived({'a': 'dog', 'b': ''}, str(out), {}) == (2, 2, ['b'])
    with pytest.raises(RunError, match='exists'):
        write_derived({'a': 'cat'}, str(out), {})
    assert json.loads(out.read_text())['a'] == {'captions': ['dog']}
