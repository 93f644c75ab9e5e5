"""Links between pages and to their sections, and the scripts that pages name."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.utils.paths import REPOSITORY


def markdown_files() -> list[Path]:
    """Return all Markdown files that git tracks, or all in the tree of a checkout without git."""
    try:
        command = ['git', 'ls-files', '--cached', '*.md']
        names = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        files = [REPOSITORY / name for name in names]
    except (OSError, subprocess.CalledProcessError):
        folders = ('docs', 'configs', 'projects', 'examples', 'tests')
        files = [*REPOSITORY.glob('*.md')]
        files += [page for name in folders for page in (REPOSITORY / name).rglob('*.md')]
    return sorted(page for page in files if page.is_file())


PAGES = markdown_files()


def name(page: Path) -> str:
    """Return a page's path in the repository, as the name of a test."""
    return page.relative_to(REPOSITORY).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
    headings = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_pages():
    assert len(PAGES) >= 15
    names = set(map(name, PAGES))
    assert {'README.md', 'docs/faq.md', 'configs/tadp/README.md'} <= names


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_links_lead_somewhere(page):
    # Snippets may look like links; a badge is an image inside a link.
    text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
    for link in re.findall(r'\]\(([^)\s]+)\)', text):
        if link.startswith('https://'):
            continue
        path, _, anchor = link.partition('#')
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_scripts_exist(page):
    # A path with a folder before it is another project's, unless the folder is the clone's.
    pattern = r'(?<![\w./])(?:\$MMTADP/|(?:\.\./)+)?((?:tools|projects)/(?!my_)[\w/-]+\.py)\b'
    for script in re.findall(pattern, page.read_text()):
        assert (REPOSITORY / script).is_file(), script
