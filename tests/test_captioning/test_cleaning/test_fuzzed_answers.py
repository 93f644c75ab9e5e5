"""Damaged answers of language models: used right, asked again, or refused by name."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from mmtadp.captioning.cleaning import Budget, ChatEndpoint, LanguageModelCleaner
from mmtadp.captioning.cleaning.chat import Answer
from mmtadp.utils.errors import RunError
from tests.utils.fake_endpoint import serve
from tests.utils.fuzzed_json import answers

CAPTIONS = ['a watercolor painting of a dog', 'a watercolor painting of a bus']


class Rules:
    """In the place of OfflineCleaner, which needs the data of a tagger."""

    vocabulary = SimpleNamespace(description='watercolor')

    def __call__(self, caption: str) -> str:
        return caption.removeprefix('a watercolor painting of ')


class Scripted:
    """A model that gives the answers that it was made with, and then none in the right form."""

    def __init__(self, texts: list[str]):
        self._texts = iter(texts)

    def ask(self, system: str, user: str, max_tokens: int) -> Answer:
        return Answer(next(self._texts, ''), True)


@given(st.lists(st.one_of(answers(2), answers(1)), min_size=3, max_size=3))
def test_answers(contents):
    model = Scripted([content.decode('utf-8', 'replace') for content in contents])
    cleaned = LanguageModelCleaner(model, Rules()).clean(CAPTIONS)
    event(f'{len(cleaned.by_rules)} captions cleaned by the rules')
    assert list(cleaned.captions) == CAPTIONS
    for caption, text in cleaned.captions.items():
        assert len(text.encode()) <= len(caption) + 30
        if caption in cleaned.by_rules:
            assert text == Rules()(caption)


@pytest.fixture(scope='module')
def endpoint():
    with pytest.MonkeyPatch.context() as patch, serve() as endpoint:
        patch.setenv('no_proxy', '127.0.0.1')
        patch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
        yield endpoint


def test_bodies(endpoint, tmp_path_factory):
    ledger = tmp_path_factory.mktemp('budget') / 'spent.jsonl'
    chat = ChatEndpoint(endpoint.url, 'm', Budget(ledger), retries=0, sleep=None)
    usage = st.fixed_dictionaries(
        dict.fromkeys(['prompt_tokens', 'completion_tokens'], st.integers() | st.none())
    )

    @given(answers(1), usage, st.sampled_from(['stop', 'length', None, 3]), st.booleans())
    def check(content, usage, finish, whole):
        body = content
        if whole:
            message = dict(content=content.decode('utf-8', 'replace'))
            choices = [dict(message=message, finish_reason=finish)]
            body = json.dumps(dict(choices=choices, usage=usage)).encode()
        endpoint.plan = [body]
        before = chat.budget.tokens_in
        try:
            answer = chat.ask('do', '{}', 50)
        except RunError as error:
            assert endpoint.url in str(error)
        else:
            assert isinstance(answer.text, str) and answer.complete in (True, False)
        assert chat.budget.tokens_in >= before

    check()
    assert Budget(ledger).tokens_in == chat.budget.tokens_in > 0
