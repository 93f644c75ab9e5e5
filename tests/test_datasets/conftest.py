"""NLTK's own tagger."""

import pytest


@pytest.fixture
def real_tagger(shared, use_nltk_data) -> None:
    """NLTK's own tagger."""
    use_nltk_data(shared / 'nltk_data')
