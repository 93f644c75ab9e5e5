"""``--help`` of the tools that import slow packages for their work."""

import subprocess
import sys

import pytest

from tests.utils.paths import REPOSITORY

FOLDERS = ('.', 'analysis_tools', 'dataset_converters')
TOOLS = sorted(
    path
    for folder in FOLDERS
    for path in (REPOSITORY / 'tools' / folder).glob('*.py')
    if path.name[0] != '_'
)


def test_counts():
    assert len(TOOLS) == 2 + 6 + 4


@pytest.mark.parametrize('tool', TOOLS, ids=lambda path: path.stem)
def test_help_imports_nothing_slow(tool):
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', tool, '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith('usage: ')
    imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in imported
    assert not imported & {'mmtadp', 'torch', 'mmengine', 'mmcv', 'matplotlib.pyplot'}
