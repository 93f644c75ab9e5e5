"""What mmtadp runs on: version ranges, and the check of them at import.

``setup.py`` reads the ranges from this file before anything is installed, so it imports nothing
but the standard library at module level.
"""

import platform
from collections.abc import Callable, Iterable
from importlib import metadata
from importlib.util import find_spec

# torch 2.6 is the first to refuse arbitrary pickles in checkpoints by default.
CORE = {
    'torch': 'torch>=2.6,<3',
    'diffusers': 'diffusers>=0.42,<1',
    'transformers': 'transformers>=5.6,<6',
}

# Import name to distribution. The two sets provide the same import names, so a machine has one of
# them: onedl is maintained, openmmlab is OpenMMLab's own last releases.
MM_SETS = {
    'onedl': {
        'mmcv': 'onedl-mmcv>=2.3.6,<3',
        'mmengine': 'onedl-mmengine>=0.10.12,<1',
        'mmseg': 'onedl-mmsegmentation>=1.4.2,<2',
        'mmdet': 'onedl-mmdetection>=3.5.1,<4',
    },
    'openmmlab': {
        'mmcv': 'mmcv>=2.1,<2.2',
        'mmengine': 'mmengine>=0.10.7,<1',
        'mmseg': 'mmsegmentation>=1.2.2,<2',
        'mmdet': 'mmdet>=3.3,<4',
    },
}
# OpenMMLab's mmcv without its operators, which segmentation and depth do not need.
MMCV_LITE = 'mmcv-lite>=2.1,<2.2'
ALWAYS_NEEDED = ('mmcv', 'mmengine')
# mmsegmentation for segmentation and depth, mmdetection for detection: one of them is enough.
ONE_NEEDED = ('mmseg', 'mmdet')

# Without build isolation, mmcv's set-up finds torch and compiles the operators against it.
COMPILING = (
    "`pip install 'setuptools<81' wheel ninja` and `pip install --no-build-isolation {}`; the "
    "latter compiles mmcv's operators with a C++ compiler, in 8 minutes on 2 cores"
)
HOW_TO_INSTALL = (
    'After torch, install one of the two sets of mm packages. For segmentation and depth: '
    "`pip install 'mmtadp[onedl-mmseg]'` (maintained, no compiler). For detection as well: "
    + COMPILING.format("'mmtadp[onedl]'")
    + ". `'mmtadp[openmmlab]'` takes OpenMMLab's own releases in the same way. In a clone of "
    "mmtadp write '.[onedl]' for 'mmtadp[onedl]'"
)


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those distributions that are installed, for what a run leaves."""
    found = {'python': platform.python_version()}
    for distribution in distributions:
        version = installed_version(distribution)
        if version is not None:
            found[distribution] = version
    return found


def find_problems(version_of: Callable[[str], str | None] = installed_version) -> list[str]:
    """Compare what is installed with the ranges above.

    Args:
        version_of (Callable): Distribution name to its version, or None if it is not installed.

    Returns:
        list[str]: One phrase per problem, naming what is needed and what is installed.
    """
    problems = []
    for requirement in CORE.values():
        problem, _ = _compare([requirement], version_of)
        problems += problem
    for name in ALWAYS_NEEDED:
        alternatives = [packages[name] for packages in MM_SETS.values()]
        if name == 'mmcv':
            alternatives.append(MMCV_LITE)
        problem, _ = _compare(alternatives, version_of)
        problems += problem
    one_is_there = False
    for name in ONE_NEEDED:
        problem, is_there = _compare([packages[name] for packages in MM_SETS.values()], version_of)
        if is_there:
            problems += problem
        one_is_there |= is_there
    if not one_is_there:
        alternatives = [packages[name] for name in ONE_NEEDED for packages in MM_SETS.values()]
        problems.append(f'{" or ".join(alternatives)} (not installed)')
    return problems


def _compare(
    alternatives: list[str], version_of: Callable[[str], str | None]
) -> tuple[list[str], bool]:
    """Problems with distributions of which exactly one may be there, and whether one is."""
    from packaging.requirements import Requirement

    requirements = [Requirement(alternative) for alternative in alternatives]
    found = [(r, version_of(r.name)) for r in requirements]
    found = [(r, version) for r, version in found if version is not None]
    needed = ' or '.join(alternatives)
    if not found:
        return [f'{needed} (not installed)'], False
    if len(found) > 1:
        names = ' and '.join(f'{r.name} {version}' for r, version in found)
        return [f'{needed}, not both ({names} overwrite each other: uninstall both first)'], True
    requirement, version = found[0]
    if requirement.specifier.contains(version, prereleases=True):
        return [], True
    return [f'{requirement} ({version} is installed)'], True


def check_dependencies(version_of: Callable[[str], str | None] = installed_version) -> None:
    """Check the versions of everything mmtadp is built on.

    Raises:
        ImportError: If something is missing, too old or too new.
    """
    problems = find_problems(version_of)
    if problems:
        raise ImportError(f'mmtadp needs {"; ".join(problems)}. {HOW_TO_INSTALL}.')


def is_importable(package: str) -> bool:
    """Return whether mmseg or mmdet can be imported, without importing it."""
    return not _why_not_importable(package)


def check_package(package: str | None) -> None:
    """Check that the package that a config's ``default_scope`` names can be imported.

    Args:
        package (str, optional): 'mmseg' or 'mmdet'; others are not checked.

    Raises:
        ImportError: If it is not installed, or needs operators of mmcv that are not compiled.
    """
    if package in ONE_NEEDED and (problem := _why_not_importable(package)):
        raise ImportError(problem)


def _why_not_importable(package: str) -> str:
    task = {'mmseg': 'Segmentation and depth need', 'mmdet': 'Detection needs'}[package]
    if not _find(package):
        names = ' or '.join(packages[package] for packages in MM_SETS.values())
        return f'{task} {names} (not installed). {HOW_TO_INSTALL}.'
    if package == 'mmdet' and not _find('mmcv._ext'):
        onedl = installed_version('onedl-mmcv')
        mmcv = f'onedl-mmcv=={onedl}' if onedl else MM_SETS['openmmlab']['mmcv']
        # pip may have a pure wheel of the same version in its cache.
        again = COMPILING.format(f"--no-deps --no-cache-dir --force-reinstall '{mmcv}'")
        return (
            f"{task} mmcv's compiled operators, and the installed mmcv has none: in a clone of "
            f'mmtadp run `make setup OPS=1`, elsewhere {again} (uninstall mmcv-lite first).'
        )
    return ''


def _find(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
