"""The steps that fill an environment."""

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from environment import ROOT, Environment, Step
from interpreter import SetupError

REQUIREMENTS = ['setup.py', 'pyproject.toml', 'mmtadp/utils/dependencies.py']
PACKAGED = [*REQUIREMENTS, 'mmtadp', 'configs', 'tools', 'model-index.yml', 'README.md']
BUILD_TOOLS = ('numpy', 'packaging', 'setuptools', 'wheel', 'ninja')


def steps(env: Environment, package_set: str) -> Iterator[Step]:
    """The steps in order, each made when those before it are done.

    Args:
        env (Environment): What they fill.
        package_set (str): 'onedl' or 'openmmlab'.
    """
    pins = read_pins(ROOT / 'requirements' / f'constraints-{package_set}.txt')
    pip = [env.python, '-m', 'pip', 'install', '--no-build-isolation']
    yield torch_step(env, pip, pins)
    torch = env.ask('-c', "from importlib.metadata import version; print(version('torch'))")
    yield mmcv_step(env, pip, pins, torch)
    # No later install may choose another torch than the one that mmcv was built against.
    pins['torch'] = f'torch=={torch}'
    yield packages_step(env, pip, pins, package_set)
    yield mmtadp_step(env, pip, package_set)


def read_pins(constraints: Path) -> Dict[str, str]:
    """Pinned requirements of a constraints file, by distribution in lower case."""
    lines = constraints.read_text(encoding='utf-8').splitlines()
    return {line.split('==')[0].lower(): line for line in lines if re.match(r'[\w.-]+==', line)}


def torch_step(env: Environment, pip: List[str], pins: Dict[str, str]) -> Step:
    """torch first and alone, in the build that is wanted."""
    default, last = pins['torch'], env.last_run('torch')
    chosen = last['torch'] if last and last['torch'] != last['default'] else default
    torch = os.environ.get('TORCH') or chosen
    build_tools = [pins[name] for name in BUILD_TOOLS]
    return Step(
        name='torch',
        title=f'Installing {torch} and build tools',
        takes='1 minute for a CPU build, 5 to 10 for a CUDA build, by the network',
        hint='check the network; to get another build of torch, name it and where pip finds it, '
        "e.g. make test TORCH='torch==2.13.0+cpu' with PIP_EXTRA_INDEX_URL set",
        key=dict(torch=torch, default=default, build_tools=build_tools),
        commands=lambda last: [[*pip, torch, *build_tools]],
    )


def mmcv_step(env: Environment, pip: List[str], pins: Dict[str, str], torch: str) -> Step:
    """mmcv, whose operators are compiled against the torch that is installed."""
    mmcv = pins.get('onedl-mmcv') or pins['mmcv']

    def commands(last: Optional[Dict]) -> List[List[str]]:
        compilers = [os.environ.get('CXX', 'c++'), 'g++', 'clang++']
        if not any(map(shutil.which, compilers)):
            raise SetupError('No C++ compiler found, which mmcv is built with: install g++.')
        options = ['--no-deps']
        if last is not None and last['torch'] != torch:
            options.append('--force-reinstall')
        # pip knows a wheel that it has built by its source alone, and would hand one that was
        # built against a CPU torch to a CUDA torch. So each torch has a cache of its own.
        cache = env.ask('-m', 'pip', 'cache', 'dir')
        if cache:
            options.append(f'--cache-dir={cache}/mmtadp/torch-{torch}')
        return [[*pip, *options, mmcv]]

    return Step(
        name='mmcv',
        title=f'Building {mmcv} against torch {torch}',
        takes='10 minutes on 2 cores, seconds once pip has it in its cache',
        hint='with too little memory (2 GiB per process) lower MAX_JOBS; with a CUDA torch but no '
        'CUDA compiler of its version install one, or build for the CPU alone, which is enough '
        "for mmtadp's models: CUDA_VISIBLE_DEVICES= make test",
        key=dict(mmcv=mmcv, torch=torch),
        commands=commands,
    )


def packages_step(
    env: Environment, pip: List[str], pins: Dict[str, str], package_set: str
) -> Step:
    """Everything else that mmtadp and its tests need."""
    constraints = env.state / 'constraints.txt'
    what = [f'.[{package_set},dev]']
    if package_set == 'onedl':
        what.insert(0, '--editable')
    else:
        # Not in the extra: it is of use only with the pins of openxlab, whose later versions ask
        # for a setuptools that torch rejects.
        what.append('openmim')

    def commands(last: Optional[Dict]) -> List[List[str]]:
        constraints.write_text('\n'.join(pins.values()) + '\n')
        return [
            [*pip, '--constraint', str(constraints), *what],
            [env.python, '-c', 'import mmcv.ops, mmseg, mmdet'],
        ]

    return Step(
        name='packages',
        title=f'Installing the {package_set} set, diffusers, transformers and test tools',
        takes='1 to 2 minutes, by the network',
        hint=f'check the network; if an import failed, remove {env.folder} and start again',
        key=dict(pins=pins, what=what, requirements=hash_files(REQUIREMENTS)),
        commands=commands,
    )


def mmtadp_step(env: Environment, pip: List[str], package_set: str) -> Step:
    """mmtadp itself: editable with onedl, a wheel with openmmlab, so that both are in use."""
    if package_set == 'onedl':
        options = ['--no-deps', '--editable']
        files = hash_files(['setup.py', 'mmtadp/version.py'])
        if not (ROOT / 'mmtadp' / '.mim' / 'model-index.yml').exists():
            env.forget_run('mmtadp')
    else:
        options = ['--no-deps', '--force-reinstall']
        files = hash_files(PACKAGED)

    def commands(last: Optional[Dict]) -> List[List[str]]:
        # A wheel is made of all that lies in build/lib, files of earlier versions included.
        shutil.rmtree(ROOT / 'build', ignore_errors=True)
        return [[*pip, *options, '.']]

    return Step(
        name='mmtadp',
        title='Installing mmtadp from this folder',
        takes='10 seconds',
        hint='see what has changed in setup.py',
        key=dict(files=files),
        commands=commands,
    )


def hash_files(names: List[str]) -> str:
    """A hash of files, and of all files in folders, by name and content."""
    digest = hashlib.sha256()
    for path in (ROOT / name for name in names):
        files = [path] if path.is_file() else sorted(p for p in path.rglob('*') if p.is_file())
        for file in files:
            if not {'__pycache__', '.mim'} & set(file.parts):
                digest.update(str(file.relative_to(ROOT)).encode() + b'\0' + file.read_bytes())
    return digest.hexdigest()
