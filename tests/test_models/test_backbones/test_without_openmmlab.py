"""``UNetFeatures`` where no package of OpenMMLab can be imported."""

import os
import re
import subprocess
import sys

import pytest

BLOCK = '''
import sys


class Blocked:
    """Refuse to find packages of OpenMMLab."""

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {packages}:
            raise ModuleNotFoundError(f'{{name}} is blocked')


sys.meta_path.insert(0, Blocked())
'''
ALL = ['mmcv', 'mmengine', 'mmseg', 'mmdet']


def run(code: str, packages: list, repository) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', BLOCK.format(packages=packages) + code],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(repository)},
        timeout=300,
    )


@pytest.mark.parametrize('packages', [ALL, ['mmcv']], ids=['all', 'mmcv'])
def test_the_example_of_the_docs(repository, packages):
    page = (repository / 'docs' / 'without_openmmlab.md').read_text()
    code = re.search(r'```python\n(.*?)```', page, re.DOTALL)[1]
    expected = re.search(r'```text\n(.*?)```', page, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line]) < 12
    # The home of the class itself, too.
    code += 'from mmtadp.models.backbones.unet_features import UNetFeatures as same\n'
    code += 'assert same is UNetFeatures\n'
    code += f'assert not {{m.split(".")[0] for m in sys.modules}} & set({packages})\n'
    done = run(code, packages, repository)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected


def test_what_needs_openmmlab_names_it(repository):
    done = run('import mmtadp\nfrom mmtadp.models import TADPUNetBackbone\n', ALL, repository)
    assert done.returncode == 1
    assert 'mmengine' in done.stderr.splitlines()[-1]


def test_unknown_names(repository):
    from mmtadp import models

    assert not hasattr(models, 'UNetFeature')
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
