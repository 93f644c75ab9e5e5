from collections.abc import Iterator

import pytest

from tests.utils.fake_endpoint import FakeEndpoint, serve


@pytest.fixture
def real_tagger(shared, use_nltk_data) -> None:
    """Use NLTK's own tagger."""
    use_nltk_data(shared / 'nltk_data')


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[FakeEndpoint]:
    """Run a language model on this machine."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    # The client refuses to send anything while the hub is declared offline.
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
    with serve() as endpoint:
        yield endpoint
