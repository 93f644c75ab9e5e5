"""What holds for all files: no circles, nothing of projects/ in the package, no long files.

``test_docs/test_architecture.py`` checks which folder imports which.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.utils.paths import REPOSITORY

MAX_LINES = 300


def sources(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob('*.py'))


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imported_modules(path: Path) -> Iterator[str]:
    """Names of the modules of this repository that a file imports, in functions as well."""
    package = path.relative_to(REPOSITORY).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = '.'.join([*base, *(node.module or '').split('.')]).strip('.')
            yield module
            yield from (f'{module}.{alias.name}' for alias in node.names)


def test_the_package_does_not_import_projects():
    assert not [
        str(path)
        for path in (*sources('mmtadp'), *sources('tools'))
        if any(module.split('.')[0] in ('projects', 'tests') for module in imported_modules(path))
    ]


@pytest.mark.parametrize('folder', ['mmtadp', 'projects'])
def test_no_circles(folder):
    modules = {module_of(path): path for path in sources(folder)}
    graph = {
        name: {other for other in imported_modules(path) if other in modules and other != name}
        for name, path in modules.items()
    }
    # A package is a way to its modules, not an import of its own file by them.
    for name in graph:
        graph[name] = {other for other in graph[name] if not name.startswith(f'{other}.')}
    done = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f'circle: {" -> ".join([*path[path.index(name) :], name])}'
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert len(done) == len(modules)


def test_files_are_short():
    folders = ('mmtadp', 'projects', 'tools', 'configs', '.ci')
    files = [path for folder in folders for path in sources(folder) if 'tests' not in path.parts]
    assert len(files) > 200
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in files
        if (lines := len(path.read_text(encoding='utf-8').splitlines())) > MAX_LINES
    }
    assert not long
