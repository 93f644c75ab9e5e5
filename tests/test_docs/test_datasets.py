"""docs/datasets.md against the configs and the tools."""

import itertools
import re

from tests.utils.paths import REPOSITORY

PAGE = (REPOSITORY / 'docs' / 'datasets.md').read_text()


def expanded(text: str) -> list[str]:
    """Return what a shell makes of ``a{b,c}d``."""
    parts = re.split(r'\{([^}]*)\}', text)
    choices = [part.split(',') if index % 2 else [part] for index, part in enumerate(parts)]
    return [''.join(choice) for choice in itertools.product(*choices)]


def test_every_path_of_the_configs_is_described():
    sources = [path.read_text() for path in sorted((REPOSITORY / 'configs').rglob('*.py'))]
    paths = {path for source in sources for path in re.findall(r"'(data/[^']+)'", source)}
    paths = {path.rstrip('/') for path in paths if 'shapescenes' not in path}
    assert len(paths) > 25
    named = {path for quoted in re.findall(r'`([^`\n]+)`', PAGE) for path in expanded(quoted)}
    named |= set(re.findall(r'data/[\w/]+', PAGE))
    for path in paths:
        assert path in named or path.removeprefix('data/captions/') in named, path


def test_every_tool_is_described():
    folder = REPOSITORY / 'tools' / 'dataset_converters'
    tools = {path.name for path in folder.glob('*.py')} - {'_report.py'}
    assert len(tools) == 4
    commands = re.findall(r'python tools/dataset_converters/(\w+\.py)', PAGE)
    assert set(commands) == tools


def test_links():
    headings = re.findall(r'^## (.+)$', PAGE, re.MULTILINE)
    anchors = {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}
    links = re.findall(r'\]\(([^)]+)\)', PAGE)
    assert len(links) > 10
    for link in links:
        if link.startswith('#'):
            assert link[1:] in anchors, link
        elif not link.startswith('https://'):
            assert (REPOSITORY / 'docs' / link.split('#')[0]).is_file(), link
