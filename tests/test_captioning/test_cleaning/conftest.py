from collections.abc import Iterator

import pytest

from mmtadp.captions.nouns import find_nouns, load_tagger
from tests.utils.fake_endpoint import FakeEndpoint, serve


@pytest.fixture
def real_tagger(shared, monkeypatch) -> Iterator[None]:
    """NLTK's own tagger."""
    import nltk

    monkeypatch.setattr(nltk.data, 'path', [str(shared / 'nltk_data')])
    load_tagger.cache_clear()
    find_nouns.cache_clear()
    yield
    load_tagger.cache_clear()
    find_nouns.cache_clear()


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[FakeEndpoint]:
    """A language model on this machine."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with serve() as endpoint:
        yield endpoint
