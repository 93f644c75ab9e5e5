"""The steps that fill an environment."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from environment import ROOT, Environment, Step
from interpreter import SetupError

# All that decides what an editable install holds, and a wheel.
EDITABLE = ['setup.py', 'pyproject.toml', 'mmtadp/version.py', 'mmtadp/utils/dependencies.py']
WHEEL = [*EDITABLE, 'mmtadp', 'configs', 'tools', 'model-index.yml', 'README.md']
BUILD_TOOLS = ('numpy', 'packaging', 'setuptools', 'wheel', 'ninja')


def steps(env: Environment, package_set: str) -> Iterator[Step]:
    """Yield the steps in order, each made when those before it are done.

    Args:
        env (Environment): The environment that they fill.
        package_set (str): 'onedl' or 'openmmlab'.
    """
    pins = read_pins(ROOT / 'requirements' / f'constraints-{package_set}.txt')
    yield torch_step(env, pins)
    torch = env.ask('-c', "from importlib.metadata import version; print(version('torch'))")
    yield mmcv_step(env, pins, torch)
    # No later install may choose another torch than the one that mmcv was built against.
    pins['torch'] = f'torch=={torch}'
    yield packages_step(env, pins, package_set)


def read_pins(constraints: Path) -> dict[str, str]:
    """Return the pinned requirements of a constraints file by distribution, in lower case."""
    lines = constraints.read_text(encoding='utf-8').splitlines()
    return {line.split('==')[0].lower(): line for line in lines if re.match(r'[\w.-]+==', line)}


def pip_install(env: Environment) -> list[str]:
    """Return the start of a command that installs with the build tools of the environment."""
    return [env.python, '-m', 'pip', 'install', '--no-build-isolation']


def torch_step(env: Environment, pins: dict[str, str]) -> Step:
    """Install torch first and alone, in the wanted build."""
    default, last = pins['torch'], env.last_run('torch')
    chosen = last['torch'] if last and last['torch'] != last['default'] else default
    torch = os.environ.get('TORCH') or chosen
    build_tools = [pins[name] for name in BUILD_TOOLS]
    return Step(
        name='torch',
        title=f'Installing {torch} and build tools',
        takes='1 minute for a CPU build, 5 to 10 for a CUDA build, by the network',
        hint='check the network; to get another build of torch, name it and where pip finds it, '
        "e.g. make demo TORCH='torch==2.13.0+cpu' with PIP_EXTRA_INDEX_URL set",
        key=dict(torch=torch, default=default, build_tools=build_tools),
        commands=lambda again: [[*pip_install(env), torch, *build_tools]],
    )


def mmcv_step(env: Environment, pins: dict[str, str], torch: str) -> Step:
    """Install mmcv: pure Python, or with its operators compiled against the installed torch.

    pip knows a wheel that it has built by its source alone: it would take the pure wheel for the
    compiled one, or one that was compiled against a CPU torch for that of a CUDA torch. So each
    kind of wheel has a cache of its own.
    """
    mmcv = pins.get('onedl-mmcv') or pins['mmcv']
    kind = f'torch-{torch}' if env.operators else 'pure'

    def commands(again: bool) -> list[list[str]]:
        compilers = [os.environ.get('CXX', 'c++'), 'g++', 'clang++']
        if env.operators and not any(map(shutil.which, compilers)):
            raise SetupError(
                "No C++ compiler found, which compiles mmcv's operators: install g++. "
                '`make demo` with TASK=segmentation or TASK=depth needs no compiler.'
            )
        command = pip_install(env)
        if not env.operators:
            # mmcv's own set-up leaves the operators out where it finds no torch.
            command.remove('--no-build-isolation')
        options = ['--no-deps', '--force-reinstall'] if again else ['--no-deps']
        cache = env.ask('-m', 'pip', 'cache', 'dir')
        options.append(f'--cache-dir={cache}/mmtadp/{kind}' if cache else '--no-cache-dir')
        return [[*command, *options, mmcv]]

    if env.operators:
        title = (
            f"Compiling the operators of {mmcv} against torch {torch}: mmdet's models need them"
        )
        takes = '8 minutes on 2 cores, as 78 C++ files include all of torch; seconds once cached'
    else:
        title, takes = f'Installing {mmcv} without its operators', '5 seconds'
    return Step(
        name='mmcv',
        title=title,
        takes=takes,
        hint='with too little memory (2 GiB per process) lower MAX_JOBS; with a CUDA torch but no '
        'CUDA compiler of its version install one, or build for the CPU alone, which is enough '
        "for mmtadp's models: CUDA_VISIBLE_DEVICES= make test",
        key=dict(mmcv=mmcv, kind=kind),
        commands=commands,
    )


def packages_step(env: Environment, pins: dict[str, str], package_set: str) -> Step:
    """Install mmtadp and everything else that it and its tests need.

    With onedl it is an editable install, with openmmlab a wheel, so that both are in use. Without
    operators mmdet cannot be imported, so it is left out.
    """
    constraints = env.state / 'constraints.txt'
    if package_set == 'onedl':
        extra = 'onedl' if env.operators else 'onedl-mmseg'
        what, files = ['--editable', f'.[{extra},dev]'], EDITABLE
        if not (ROOT / 'mmtadp' / '.mim' / 'model-index.yml').exists():
            env.forget_run('packages')
    else:
        # openmim is not in the extra: it is of use only with the pins of openxlab, whose later
        # versions ask for a setuptools that torch rejects.
        what, files = ['.[openmmlab,dev]', 'openmim'], WHEEL
    modules = 'mmcv.ops, mmseg, mmdet' if env.operators else 'mmcv, mmseg'

    def commands(again: bool) -> list[list[str]]:
        constraints.write_text('\n'.join(pins.values()) + '\n')
        # A wheel is made of all that lies in build/lib, files of earlier versions included.
        shutil.rmtree(ROOT / 'build', ignore_errors=True)
        return [
            [*pip_install(env), '--constraint', str(constraints), *what],
            [env.python, '-c', f'import {modules}'],
        ]

    return Step(
        name='packages',
        title=f'Installing mmtadp, the {package_set} set, diffusers, transformers and test tools',
        takes='1 minute, by the network',
        hint=f'check the network; if an import failed, remove {env.folder} and start again',
        key=dict(pins=pins, what=what, files=hash_files(files)),
        commands=commands,
    )


def hash_files(names: list[str]) -> str:
    """Return a hash of files, and of all files in folders, by name and content."""
    digest = hashlib.sha256()
    for path in (ROOT / name for name in names):
        files = [path] if path.is_file() else sorted(p for p in path.rglob('*') if p.is_file())
        for file in files:
            if not {'__pycache__', '.mim'} & set(file.parts):
                digest.update(str(file.relative_to(ROOT)).encode() + b'\0' + file.read_bytes())
    return digest.hexdigest()
