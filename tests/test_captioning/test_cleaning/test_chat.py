import pytest

from mmtadp.captioning.cleaning import Budget, BudgetSpentError, ChatEndpoint
from mmtadp.captioning.cleaning.budget import estimate_tokens
from mmtadp.utils.errors import RunError


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def chat(endpoint, pauses, tmp_path):
    def chat(**caps) -> ChatEndpoint:
        budget = Budget(tmp_path / 'spent.jsonl', **caps)
        return ChatEndpoint(endpoint.url, 'm', budget, 'secret', retries=3, sleep=pauses.append)

    return chat


def test_answer_and_usage(chat, endpoint):
    one = chat()
    assert one.ask('do', '{"1": "a dog"}', 50) == ('{"1": "a dog"}', True)
    assert endpoint.keys == ['Bearer secret']
    endpoint.plan = [lambda _: ('{"1": "a', 'length')]
    assert one.ask('do', '{"1": "a dog"}', 50) == ('{"1": "a', False)
    assert (one.budget.tokens_in, one.budget.tokens_out) == (200, 20)
    endpoint.usage = False
    one.ask('do', '{"1": "a dog"}', 50)
    assert one.budget.tokens_in == 200 + estimate_tokens('do{"1": "a dog"}')


def test_retries(chat, endpoint, pauses):
    endpoint.plan = [500, 429, b'no json']
    one = chat()
    assert one.ask('do', '{}', 50).text == '{}'
    assert len(endpoint.asked) == 4 and pauses == [1, 7, 4]
    # What came back broken may have been charged.
    assert (one.budget.tokens_in, one.budget.tokens_out) == (100 + estimate_tokens('do{}'), 60)


def test_bounded_retries(chat, endpoint, pauses):
    endpoint.plan = [b'{"choices"', b'{"choices": []}', b'{}', 503, 503]
    with pytest.raises(RunError, match='no answer in 4 attempts .503'):
        chat().ask('do', '{}', 50)
    assert len(endpoint.asked) == 4 and pauses == [1, 2, 4]


@pytest.mark.parametrize('status', [400, 401, 404])
def test_refusal(chat, endpoint, pauses, status):
    endpoint.plan = [status]
    with pytest.raises(RunError, match=f'refuses: {status}.*Check --endpoint, --model'):
        chat().ask('do', '{}', 50)
    assert pauses == []


def test_nobody_there(tmp_path, endpoint, pauses):
    one = ChatEndpoint(
        'http://127.0.0.1:9',
        'm',
        Budget(tmp_path / 's'),
        retries=1,
        timeout=2,
        sleep=pauses.append,
    )
    with pytest.raises(RunError, match='no answer in 2 attempts .ConnectError'):
        one.ask('do', '{}', 50)
    assert pauses == [1] and one.budget.tokens_in == 0
    with pytest.raises(RunError, match="'host': expected http"):
        ChatEndpoint('host', 'm', Budget(tmp_path / 's'))


def test_no_token_of_the_user_is_sent(endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_TOKEN', 'hf_secret')
    ChatEndpoint(endpoint.url, 'm', Budget(tmp_path / 's')).ask('do', '{}', 50)
    assert endpoint.keys == ['Bearer none']


def test_offline(chat, endpoint, monkeypatch, pauses):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(RunError, match='HF_HUB_OFFLINE=0'):
        chat().ask('do', '{}', 50)
    assert pauses == [] and endpoint.asked == []


@pytest.mark.parametrize('choices', [b'"no"', b'[3]', b'null', b'[{}]', b'[{"message": 1}]'])
def test_answers_of_another_form(chat, endpoint, choices):
    endpoint.plan = [b'{"choices": ' + choices + b'}']
    assert chat().ask('do', '{}', 50).text == '{}'
    assert len(endpoint.asked) == 2


def test_caps(chat, endpoint):
    one = chat(max_tokens=170)
    one.ask('do', '{}', 50)
    with pytest.raises(BudgetSpentError, match='110 tokens are spent.*exceed the cap of 170'):
        one.ask('do', '{}', 70)
    assert len(endpoint.asked) == 1
    # Another run goes on counting: 100 in and 10 out cost 0.0013.
    two = chat(max_cost=0.0015, prices=(10, 30))
    assert two.budget.cost == pytest.approx(0.0013)
    with pytest.raises(BudgetSpentError, match='cost 0.0013.*--max-cost'):
        two.ask('do', '{}', 50)
    with pytest.raises(RunError, match='needs prices'):
        chat(max_cost=1)


def test_ledger_of_a_killed_run(tmp_path):
    (tmp_path / 'spent.jsonl').write_bytes(b'[100, 10]\n[200, 2')
    budget = Budget(tmp_path / 'spent.jsonl')
    assert (budget.tokens_in, budget.tokens_out) == (100, 10)
    budget.spend(1, 2)
    again = Budget(tmp_path / 'spent.jsonl')
    assert (again.tokens_in, again.tokens_out) == (101, 12)
