import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mmtadp
from mmtadp.utils.dependencies import CORE, MM_SETS

SOURCES = ('configs', 'mmtadp', 'requirements', 'tools')
SOURCES += ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'model-index.yml')
SOURCES += ('CHANGELOG.md', 'LICENSE', 'README.md')


def build(kind: str, source: Path, folder: Path) -> Path:
    """Call setuptools as pip does: kind is 'wheel', 'editable' or 'sdist'."""
    code = f'from setuptools import build_meta as b; b.build_{kind}({str(folder)!r})'
    subprocess.run([sys.executable, '-c', code], cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture
def source(repository, tmp_path) -> Path:
    """A copy of the repository as a clone has it, but for tests and docs."""
    ignore = shutil.ignore_patterns('.mim', '__pycache__')
    for name in SOURCES:
        if (repository / name).is_dir():
            shutil.copytree(repository / name, tmp_path / 'source' / name, ignore=ignore)
        else:
            shutil.copy(repository / name, tmp_path / 'source' / name)
    return tmp_path / 'source'


def files_in(folder: Path) -> set:
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


def test_wheel(source, tmp_path):
    mim_content = {f'configs/{file}' for file in files_in(source / 'configs')}
    mim_content |= {f'tools/{file}' for file in files_in(source / 'tools')}
    mim_content.add('model-index.yml')
    modules = {f'mmtadp/{file}' for file in files_in(source / 'mmtadp')}
    # As an editable install leaves them.
    (source / 'mmtadp' / '.mim').mkdir()
    (source / 'mmtadp' / '.mim' / 'configs').symlink_to('../../configs')

    (tmp_path / 'built').mkdir()
    wheel = build('wheel', source, tmp_path / 'built')
    packed = set(zipfile.ZipFile(wheel).namelist())
    information = {name for name in packed if name.startswith('mmtadp-0.1.0.dist-info/')}
    expected = modules | {f'mmtadp/.mim/{file}' for file in mim_content}
    assert packed - information == expected
    assert wheel.stat().st_size < 1e6
    assert not any('projects/' in name or 'setup_env' in name for name in packed)
    assert {Path(name).parts[1] for name in mim_content if name.startswith('configs/')} == {
        '_base_',
        'tadp',
    }
    # Where onedl-mim looks.
    assert {f'mmtadp-0.1.0.dist-info/.mim/{file}' for file in mim_content} < information


def test_editable(source, tmp_path):
    (tmp_path / 'built').mkdir()
    wheel = build('editable', source, tmp_path / 'built')
    mim = source / 'mmtadp' / '.mim'
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (mim / name).is_symlink()
        assert (mim / name).resolve() == source / name
    assert not any('.mim' in name for name in zipfile.ZipFile(wheel).namelist())


def test_no_folder_hides_an_editable_install(source, tmp_path):
    (tmp_path / 'built').mkdir()
    with zipfile.ZipFile(build('editable', source, tmp_path / 'built')) as wheel:
        wheel.extractall(tmp_path / 'site')
    # A clone next to a user's script: its folder has the package's name, and no __init__.py.
    (tmp_path / 'code' / 'mmtadp').mkdir(parents=True)
    script = tmp_path / 'code' / 'script.py'
    script.write_text(
        'import site\n'
        f'site.addsitedir({str(tmp_path / "site")!r})\n'
        'import importlib.util\n'
        "print(importlib.util.find_spec('mmtadp').origin)\n"
    )
    # Without the mmtadp of this environment.
    command = [sys.executable, '-E', '-S', str(script)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert Path(answer.stdout.strip()) == source / 'mmtadp' / '__init__.py'


def imports_of(folder: Path) -> set:
    """First parts of the absolute imports of all files in a folder."""
    names = set()
    for file in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split('.')[0])
    return names


def test_imports_are_declared(source, tmp_path):
    (tmp_path / 'built').mkdir()
    with zipfile.ZipFile(build('wheel', source, tmp_path / 'built')) as wheel:
        information = wheel.read('mmtadp-0.1.0.dist-info/METADATA').decode()
    declared = {
        re.match(r'Requires-Dist: ([\w.-]+)', line)[1].lower().replace('_', '-')
        for line in information.splitlines()
        if line.startswith('Requires-Dist: ')
    }
    distribution = {'PIL': 'pillow', 'cv2': 'opencv-python', 'yaml': 'pyyaml'}
    distribution |= {'mmseg': 'mmsegmentation', 'huggingface_hub': 'huggingface-hub'}
    tools = {file.stem for file in (source / 'tools').rglob('*.py')}
    ours = {'mmtadp', *tools, *sys.stdlib_module_names}
    found = (imports_of(source / 'mmtadp') | imports_of(source / 'tools')) - ours
    assert len(found) > 10
    assert {distribution.get(name, name) for name in found} <= declared


def test_source_distribution_builds_a_wheel(source, tmp_path):
    (tmp_path / 'built').mkdir()
    archive = build('sdist', source, tmp_path / 'built')
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / 'unpacked', filter='data')
    (unpacked,) = (tmp_path / 'unpacked').iterdir()
    for name in ('configs', 'mmtadp', 'tools'):
        assert files_in(unpacked / name) == files_in(source / name)


def test_installed_requirements():
    assert metadata.version('mmtadp') == mmtadp.__version__
    requirements = [Requirement(text) for text in metadata.requires('mmtadp')]
    core = {str(r) for r in requirements if r.marker is None}
    assert {str(Requirement(text)) for text in CORE.values()} < core
    for extra, packages in MM_SETS.items():
        for text in packages.values():
            assert any(
                r.name == Requirement(text).name
                and r.marker
                and r.marker.evaluate({'extra': extra})
                for r in requirements
            )
    assert not {r.name for r in requirements} & {'torchvision', 'timm'}


def test_nothing_brought_torchvision_or_timm_along():
    installed = {distribution.name for distribution in metadata.distributions()}
    assert not installed & {'torchvision', 'timm'}
