"""Every module can be imported where Python lacks what only POSIX has, as on Windows."""

import os
import subprocess
import sys

from tests.utils.paths import REPOSITORY

# Blocked for the modules of this repository only: on this machine, packages import them freely.
CODE = """
import builtins, importlib, importlib.util, pathlib, sys

OURS = ('mmtadp', 'projects', 'tools')
POSIX = {'fcntl', 'resource', 'termios', 'pwd', 'grp', 'tty', 'pty'}
real = builtins.__import__

def limited(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get('__name__', '').split('.')[0]
    if importer in OURS and name.split('.')[0] in POSIX:
        raise ImportError(f'{name} is not on Windows')
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = limited
repository = pathlib.Path(sys.argv[1])
# As the tools of projects do.
sys.path[:0] = [str(repository / 'tools'), str(repository / 'tools' / 'analysis_tools')]
count = 0
for package in ('mmtadp', 'projects'):
    root = pathlib.Path(importlib.import_module(package).__path__[0]).resolve()
    for path in sorted(root.rglob('*.py')):
        parts = path.relative_to(root).with_suffix('').parts
        if {'.mim', 'configs', 'tests', 'tools'} & set(parts):
            continue
        importlib.import_module('.'.join([package, *parts]).removesuffix('.__init__'))
        count += 1
for folder in ('tools', 'projects/shapescenes/tools', 'projects/claims/tools'):
    for path in sorted((repository / folder).rglob('*.py')):
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(f'tools.{path.stem}', path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        sys.path.pop(0)
        count += 1
print(count)
"""


def test_all_modules_and_tools(path_of_tests):
    done = subprocess.run(
        [sys.executable, '-c', CODE, str(REPOSITORY)],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=path_of_tests),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1]) > 150
