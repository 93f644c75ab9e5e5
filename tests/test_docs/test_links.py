"""Links between pages, and to their sections."""

import re
from pathlib import Path

import pytest

from tests.utils.paths import REPOSITORY

FOLDERS = (REPOSITORY, REPOSITORY / 'docs', REPOSITORY / 'examples')
PAGES = sorted(page for folder in FOLDERS for page in folder.glob('*.md'))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
    headings = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_pages():
    assert len(PAGES) >= 12


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for link in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if link.startswith('https://'):
            continue
        name, _, anchor = link.partition('#')
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
