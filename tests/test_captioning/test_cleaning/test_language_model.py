import json

import pytest

from mmtadp.captioning.cleaning import (
    Budget,
    BudgetSpentError,
    ChatEndpoint,
    LanguageModelCleaner,
    OfflineCleaner,
    Vocabulary,
    clean_with_model,
)
from mmtadp.captioning.cleaning.chat import Answer
from mmtadp.captioning.cleaning.language_model import parse_answer
from mmtadp.utils.errors import RunError
from tests.utils.fake_endpoint import clean as well

THINGS = ['dog', 'cat', 'horse', 'bus', 'bird and a boat', 'bird']
CAPTIONS = {f'{i}': f'a watercolor painting of a {thing}' for i, thing in enumerate(THINGS)}
CLEANED = {f'{i}': f'a {thing}' for i, thing in enumerate(THINGS)}


@pytest.fixture
def clean(real_tagger, endpoint, tmp_path):
    """Clean CAPTIONS in batches of 3."""
    (tmp_path / 'captions.json').write_text(json.dumps(CAPTIONS))
    rules = OfflineCleaner(Vocabulary.load('watercolor'))

    def clean(model: str = 'm', overwrite: bool = False, **caps) -> tuple[dict, dict]:
        def make_cleaner(budget: Budget) -> LanguageModelCleaner:
            chat = ChatEndpoint(endpoint.url, model, budget, retries=1, sleep=lambda _: None)
            return LanguageModelCleaner(chat, rules, batch_size=3)

        out = str(tmp_path / 'out.json')
        _, cleaned = clean_with_model(
            str(tmp_path / 'captions.json'),
            out,
            dict(model=model),
            make_cleaner,
            caps,
            overwrite=overwrite,
        )
        entries = json.loads((tmp_path / 'out.json').read_text())
        return {key: entry['captions'][0] for key, entry in entries.items()}, cleaned.by_rules

    return clean


def test_batches(clean, endpoint, tmp_path):
    assert clean() == (CLEANED, {})
    assert [len(asked) for asked in endpoint.asked] == [3, 3]
    assert not (tmp_path / 'out.journal').exists()
    settings = json.loads((tmp_path / 'out.provenance.json').read_text())['settings']
    assert settings['model'] == 'm' and settings['tokens'] == [200, 20]
    with pytest.raises(RunError, match='exists'):
        clean()


def shift(numbered: dict[str, str]) -> dict[str, str]:
    """Give each caption the answer of the next one; the first answer is lost."""
    texts = ['a ' + text.split(' of a ')[1] for text in numbered.values()]
    return dict(zip(numbered, [*texts[1:], texts[0]], strict=True))


def without_last(numbered: dict[str, str]) -> dict[str, str]:
    return dict(list(numbered.items())[:-1])


@pytest.mark.parametrize(
    'wrong',
    [
        shift,
        without_last,
        lambda numbered: {**numbered, '4': 'a dog'},
        lambda numbered: {str(int(n) + 1): text for n, text in numbered.items()},
        lambda numbered: list(numbered.values()),
        lambda numbered: '\n'.join(numbered.values()),
        lambda numbered: json.dumps(numbered)[:-20],
        lambda numbered: (json.dumps(numbered), 'length'),
        lambda numbered: dict.fromkeys(numbered, ''),
        lambda numbered: dict.fromkeys(numbered, 'a zebra'),
        lambda numbered: dict.fromkeys(numbered, None),
        lambda numbered: '{"1": "a dog", "1": "a dog", "2": "a cat", "3": "a horse"}',
    ],
)
def test_a_wrong_batch_is_asked_one_by_one(clean, endpoint, wrong):
    endpoint.plan = [wrong]
    assert clean() == (CLEANED, {})
    assert [len(asked) for asked in endpoint.asked] == [3, 1, 1, 1, 3]


def test_a_shift_within_similar_captions(clean, endpoint):
    """'a bird' is made of words of 'a bird and a boat', but is not what is left of it."""
    endpoint.plan = [lambda n: {'1': 'a dog', '2': 'a cat', '3': 'a horse'}, shift]
    captions, by_rules = clean()
    assert captions == CLEANED and by_rules == {}


def test_rules_stand_in(clean, endpoint):
    endpoint.plan = [shift, *[lambda numbered: 'Sure! Here is a dog.'] * 2]
    captions, by_rules = clean()
    assert captions == CLEANED
    assert by_rules == dict.fromkeys(
        [CAPTIONS['0'], CAPTIONS['1']], 'no answer in the requested form'
    )


def test_resumed_after_errors_and_caps(clean, endpoint, tmp_path):
    endpoint.plan = [well, 500, 500]
    with pytest.raises(RunError, match='no answer in 2 attempts'):
        clean()
    assert not (tmp_path / 'out.json').exists() and (tmp_path / 'out.journal').is_dir()
    with pytest.raises(RunError, match="model was 'm' and is 'other'"):
        clean('other')
    asked = len(endpoint.asked)
    with pytest.raises(BudgetSpentError, match='110 tokens are spent'):
        clean(max_tokens=150)
    assert len(endpoint.asked) == asked
    assert clean() == (CLEANED, {})
    # Only the second batch was asked again.
    assert [len(batch) for batch in endpoint.asked[asked:]] == [3]
    settings = json.loads((tmp_path / 'out.provenance.json').read_text())['settings']
    assert settings['tokens'] == [200, 20]


def test_answers():
    assert parse_answer(Answer('```json\n{"1": "a"}\n```', True)) == {'1': 'a'}
    assert parse_answer(Answer('{"1": "a"}', False)) is None
    assert parse_answer(Answer('{"1": {"2": "a"}}', True)) is None
    assert parse_answer(Answer('["a"]', True)) is None
