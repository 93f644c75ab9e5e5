import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.utils.fake_endpoint import clean as well
from tests.utils.fake_endpoint import serve
from tests.utils.paths import REPOSITORY


@pytest.fixture
def clean(run_tool, capsys, shared, monkeypatch):
    """Run the tool in this process; return exit code, output and errors."""
    import nltk

    monkeypatch.setattr(nltk.data, 'path', [str(shared / 'nltk_data')])

    def clean(*args) -> tuple[int, str, str]:
        code = 0
        try:
            run_tool('captions/clean', *args)
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return clean


@pytest.fixture
def online(monkeypatch):
    """Let the client of the endpoint send requests, which it refuses where the hub is offline."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setenv('HF_HUB_OFFLINE', '0')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)


@pytest.fixture
def captions(tmp_path):
    entries = {
        'a': {'captions': ['- a watercolor painting of a dog'], 'class_label': 12},
        'b': {'captions': ['a cat on a chair']},
        'c': {'captions': ['a watercolor painting']},
    }
    (tmp_path / 'captions.json').write_text(json.dumps(entries))


def test_offline(clean, captions, tmp_path):
    arguments = ('captions.json', '--style', 'watercolor', '--out', 'cleaned.json')
    code, said, _ = clean(*arguments, '--report', 'report.json')
    assert code == 0
    *lines, last = said.splitlines()
    assert lines == [
        'cleaned.json: 3 images, 2 captions changed',
        "    '- a watercolor painting of a dog' -> 'a dog'",
        "    'a watercolor painting' -> ''",
    ]
    assert 'empty caption, such as c' in last and '--if-empty TEXT' in last
    assert json.loads((tmp_path / 'cleaned.json').read_text()) == {
        'a': {'captions': ['a dog'], 'class_label': 12},
        'b': {'captions': ['a cat on a chair']},
        'c': {'captions': ['']},
    }
    settings = json.loads((tmp_path / 'cleaned.provenance.json').read_text())['settings']
    assert (settings['cleaned'], settings['style']) == ('offline', 'watercolor')
    assert len(json.loads((tmp_path / 'report.json').read_text())) == 2
    code, _, errors = clean(*arguments)
    assert code == 2 and 'cleaned.json exists' in errors
    code, _, _ = clean(*arguments, '--overwrite', '--if-empty', 'an image')
    assert json.loads((tmp_path / 'cleaned.json').read_text())['c'] == {'captions': ['an image']}


def test_what_the_user_can_put_right(clean, captions):
    code, _, errors = clean('captions.json', '--style', 'oil', '--out', 'x.json')
    assert code == 2 and "style 'oil': expected one of comic" in errors
    code, _, errors = clean('gone.json', '--style', 'comic', '--out', 'x.json')
    assert code == 2 and 'caption file not found' in errors


def test_endpoint(clean, captions, tmp_path, monkeypatch, online):
    monkeypatch.setenv('SECRET', 'key')
    with serve() as endpoint:
        arguments = ('captions.json', '--style', 'watercolor', '--out', 'cleaned.json')
        arguments += ('--endpoint', endpoint.url, '--model', 'm', '--key-env', 'SECRET')
        more = ('--max-cost', 1e-6, '--prices', 1, 2)
        code, _, errors = clean(*arguments, *more)
        assert code == 2 and '0 tokens are spent' in errors and '--max-cost continues' in errors
        assert not (tmp_path / 'cleaned.json').exists() and endpoint.asked == []
        code, said, _ = clean(*arguments, '--if-empty', 'an image')
    assert code == 0
    # The fake model leaves 'a watercolor painting' and the hyphen as they are.
    assert '- a watercolor painting of a dog' in endpoint.asked[0].values()
    assert 'cleaned.json: 3 images' in said and set(endpoint.keys) == {'Bearer key'}
    settings = json.loads((tmp_path / 'cleaned.provenance.json').read_text())['settings']
    assert (settings['cleaned'], settings['model']) == ('endpoint', 'm')
    assert clean(*arguments[:5], '--model', 'm')[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize('number, code', [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_killed_then_continued(clean, shared, tmp_path, online, number, code):
    captions = {str(i): f'a watercolor painting of dog {i}' for i in range(20)}
    (tmp_path / 'captions.json').write_text(json.dumps(captions))
    with serve() as endpoint:
        endpoint.plan = [well, well, lambda numbered: time.sleep(1) or well(numbered)]
        arguments = ['captions.json', '--style', 'watercolor', '--out', 'cleaned.json']
        arguments += ['--endpoint', endpoint.url, '--model', 'm', '--batch-size', '5']
        process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / 'tools' / 'captions' / 'clean.py'), *arguments],
            env=dict(os.environ, PYTHONPATH=str(REPOSITORY), NLTK_DATA=str(shared / 'nltk_data')),
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        while len(endpoint.asked) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait() == code
        assert not (tmp_path / 'cleaned.json').exists()
        assert clean(*arguments)[0] == 0
        # Of four batches, only the one at work was asked twice.
        assert len(endpoint.asked) == 5
    cleaned = json.loads((tmp_path / 'cleaned.json').read_text())
    assert {key: entry['captions'] for key, entry in cleaned.items()} == {
        key: [f'dog {key}'] for key in captions
    }
    assert not (tmp_path / 'cleaned.journal').exists()
