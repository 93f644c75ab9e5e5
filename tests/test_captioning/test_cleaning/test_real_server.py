"""The client against a real server: `transformers serve`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmtadp.captioning.cleaning import (
    Budget,
    ChatEndpoint,
    LanguageModelCleaner,
    OfflineCleaner,
    Vocabulary,
    clean_with_model,
)
from mmtadp.utils.errors import RunError
from tests.utils.chat_server import ANSWER, save_chat_model, serve

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> str:
    return str(save_chat_model(tmp_path_factory.mktemp('chat') / 'model'))


@pytest.fixture(scope='module')
def url(model, tmp_path_factory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, serve(Path(model)) as url:
        patch.setenv('no_proxy', '127.0.0.1')
        # The client refuses to send anything while the hub is declared offline.
        patch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
        yield url


@pytest.fixture
def chat(url, model, tmp_path):
    def chat(path: str = '', name: str = model, **options) -> ChatEndpoint:
        budget = Budget(tmp_path / 'spent.jsonl')
        return ChatEndpoint(url + path, name, budget, sleep=lambda _: None, **options)

    return chat


def test_answer(chat):
    one = chat()
    assert one.ask('clean this', '{"1": "a dog"}', 50) == (' '.join(ANSWER), True)
    # Of the prompt: five words and the token at its end.
    assert (one.budget.tokens_in, one.budget.tokens_out) == (6, len(ANSWER) + 1)


def test_answer_that_is_cut_off(chat):
    one = chat()
    assert one.ask('clean this', '{}', 3) == (' '.join(ANSWER[:3]), False)
    assert one.budget.tokens_out == 3


def test_timeout(chat):
    one = chat(timeout=0.1, retries=1)
    start = time.monotonic()
    with pytest.raises(RunError, match='no answer in 2 attempts .*[Tt]imeout.* continues'):
        one.ask('repeat', 'forever', 2_000)
    assert 0.2 <= time.monotonic() - start < 30
    # The server is at work on both, so both may be charged.
    assert one.budget.tokens_out == 4_000


@pytest.mark.parametrize(
    ('path', 'name', 'reason'),
    [
        ('', 'another model', "refuses: 400 Bad Request: .*pinned to .*'another model'"),
        ('/v2', 'm', 'refuses: 404 Not Found'),
    ],
)
def test_refusals(chat, path, name, reason):
    one = chat(path, name)
    with pytest.raises(RunError, match=f'{reason}.* Check --endpoint, --model and the key'):
        one.ask('do', '{}', 50)
    assert one.budget.tokens_out == 0


def test_file(chat, real_tagger, model, tmp_path):
    captions = {name: f'a watercolor painting of a {name}' for name in ('bus', 'dog')}
    (tmp_path / 'captions.json').write_text(json.dumps(captions))
    endpoint = chat()

    def make_cleaner(budget: Budget) -> LanguageModelCleaner:
        endpoint.budget = budget
        rules = OfflineCleaner(Vocabulary.load('watercolor'))
        return LanguageModelCleaner(endpoint, rules, batch_size=1)

    out = tmp_path / 'out.json'
    _, cleaned = clean_with_model(
        str(tmp_path / 'captions.json'), str(out), dict(model=model), make_cleaner, {}
    )
    entries = json.loads(out.read_text())
    assert {key: entry['captions'] for key, entry in entries.items()} == {
        'bus': ['a bus'],
        'dog': ['a dog'],
    }
    # The model's answer to both is 'a dog', so the rules cleaned the other.
    assert list(cleaned.by_rules) == [captions['bus']]
    assert "new words: 'a dog'" in cleaned.by_rules[captions['bus']]
