"""docs/architecture.md against the tree: its rooms, their order, and the names of configs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mmtadp.datasets.benchmarks  # noqa: F401
import mmtadp.models.task_modules  # noqa: F401
from mmtadp import registry
from tests.utils.paths import REPOSITORY

PAGE = (REPOSITORY / 'docs' / 'architecture.md').read_text()
PACKAGE = REPOSITORY / 'mmtadp'
(TABLE,) = re.findall(r'## Rooms\n(.*?)\n## ', PAGE, re.DOTALL)
# From lowest to highest.
ROOMS = [re.sub(r'/|\.py', '', name) for name in re.findall(r'^\| `([\w./]+)` \|', TABLE, re.M)]


def room(path: Path) -> str:
    """Return the folder, or the single file, of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imported_rooms(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, also inside its functions."""
    package = ['mmtadp', *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = '.'.join([*start, *([node.module] if node.module else [])])
            names = [f'{module}.{alias.name}' for alias in node.names]
        else:
            continue
        for parts in (name.split('.') for name in names):
            assert parts[0] != 'projects', path
            if parts[0] == 'mmtadp' and len(parts) > 1 and parts[1] in ROOMS:
                yield parts[1]


def test_every_room_is_listed():
    found = {room(path) for path in PACKAGE.rglob('*.py') if '.mim' not in path.parts}
    assert found - {'__init__', 'openmmlab', 'version'} == set(ROOMS)
    assert len(ROOMS) == 11


def test_a_room_imports_only_those_above_it():
    listed = re.findall(r'^\| `[\w./]+` \|.*\| ([^|]+) \|$', TABLE, re.MULTILINE)
    allowed = {
        name: set(re.findall(r'\w+', cell)) for name, cell in zip(ROOMS, listed, strict=True)
    }
    for index, name in enumerate(ROOMS):
        assert allowed[name] <= {*ROOMS[:index], 'nothing'}, name
    others = {
        (str(path.relative_to(PACKAGE)), other)
        for path in PACKAGE.rglob('*.py')
        if '.mim' not in path.parts and room(path) in ROOMS
        for other in imported_rooms(path)
        if other not in allowed[room(path)] | {room(path)}
    }
    assert not others


def test_names_of_configs():
    (section,) = re.findall(r'## Names in configs\n(.*?)\n## ', PAGE, re.DOTALL)
    cells = ' '.join(line.split('|')[1] for line in section.splitlines() if line.startswith('| `'))
    named = set(re.findall(r'`(?:mmtadp\.)?(\w+)`', cells))
    kinds = ('MODELS', 'DATASETS', 'TRANSFORMS', 'HOOKS', 'METRICS', 'TASK_UTILS', 'PROMPTS')
    registered = set().union(*(getattr(registry, kind).module_dict for kind in kinds))
    assert len(named) >= 18
    assert named <= registered
