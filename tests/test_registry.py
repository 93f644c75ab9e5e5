"""Names of mmtadp in fresh processes, as configs of mmseg and mmdet use them."""

import os
import subprocess
import sys

import pytest

NAMES = dict(
    MODELS='TADPUNetBackbone',
    HOOKS='CaptionPromptHook',
    TRANSFORMS='CaptionLoadTransform',
    METRICS='PerDomainMetric',
)
# mmengine alone imports mmtadp.
BY_SCOPE = f"""
import mmengine.registry
for registry, name in {NAMES}.items():
    found = getattr(mmengine.registry, registry).get(f'mmtadp.{{name}}')
    assert found.__name__ == name, (registry, found)
"""
# mmtadp is imported before mmengine.
BY_IMPORT = f"""
import mmtadp
import mmengine.registry
from mmengine.config import Config
for scope in ('mmseg', 'mmdet'):
    registries = __import__(f'{{scope}}.registry').registry
    for registry, name in {NAMES}.items():
        assert getattr(registries, registry).get(name).__name__ == name
assert Config.fromfile('config.py').default_scope == 'mmseg'
from torch.nn.modules import module
assert not module._global_module_registration_hooks
"""
# The config imports mmtadp.
BY_CUSTOM_IMPORTS = f"""
import mmengine.registry
from mmengine.config import Config
Config.fromfile('custom.py')
for registry, name in {NAMES}.items():
    assert getattr(mmengine.registry, registry).get(name).__name__ == name
"""


@pytest.mark.parametrize(
    'code', [BY_SCOPE, BY_IMPORT, BY_CUSTOM_IMPORTS], ids=['scope', 'import', 'custom_imports']
)
def test_fresh_process(code, repository, tmp_path):
    (tmp_path / 'config.py').write_text("_base_ = 'mmtadp::tadp/tadp40_ade20k_80k.py'\n")
    (tmp_path / 'custom.py').write_text("custom_imports = dict(imports=['mmtadp'])\n")
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(repository)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
