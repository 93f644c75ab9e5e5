"""Taggers for the tests of nouns."""

from pathlib import Path
from typing import Callable, Iterator

import pytest

from mmtadp.datasets.captions.nouns import find_nouns, load_tagger
from tests.utils.tiny_tagger import write_tagger


@pytest.fixture
def use_nltk_data(monkeypatch) -> Iterator[Callable[[Path], None]]:
    """Makes a folder the only one with NLTK's data."""
    nltk = pytest.importorskip('nltk')

    def use(folder: Path) -> None:
        monkeypatch.setattr(nltk.data, 'path', [str(folder)])
        load_tagger.cache_clear()
        find_nouns.cache_clear()

    yield use
    load_tagger.cache_clear()
    find_nouns.cache_clear()


@pytest.fixture
def tiny_tagger(tmp_path, use_nltk_data) -> None:
    """The tagger of ``tests/utils/tiny_tagger.py`` in place of NLTK's."""
    use_nltk_data(write_tagger(tmp_path / 'nltk_data'))


@pytest.fixture
def real_tagger(shared, use_nltk_data) -> None:
    """NLTK's own tagger."""
    use_nltk_data(shared / 'nltk_data')
