"""What mmtadp runs on: version ranges, and the check of them at import.

``setup.py`` reads the ranges from this file before anything is installed, so it imports nothing
but the standard library at module level.
"""

import platform
from importlib import metadata
from typing import Callable, Dict, Iterable, List, Optional, Tuple

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
ALWAYS_NEEDED = ('mmcv', 'mmengine')
# mmsegmentation for segmentation and depth, mmdetection for detection: one of them will do.
ONE_NEEDED = ('mmseg', 'mmdet')

HOW_TO_INSTALL = (
    'Install one of the two sets of mm packages, '
    "`pip install --no-build-isolation 'mmtadp[onedl]'` (maintained) or "
    "`pip install --no-build-isolation 'mmtadp[openmmlab]'` (OpenMMLab's own releases), "
    "after `pip install torch 'setuptools<81' wheel ninja`, which mmcv is built with; in a clone "
    "of mmtadp write '.[onedl]' or '.[openmmlab]'"
)


def installed_version(distribution: str) -> Optional[str]:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def installed_versions(distributions: Iterable[str]) -> Dict[str, str]:
    """Versions of Python and of those distributions that are installed, for what a run leaves."""
    found = {'python': platform.python_version()}
    for distribution in distributions:
        version = installed_version(distribution)
        if version is not None:
            found[distribution] = version
    return found


def find_problems(version_of: Callable[[str], Optional[str]] = installed_version) -> List[str]:
    """Compares what is installed with the ranges above.

    Args:
        version_of (Callable): Distribution name to its version, or None if it is not installed.

    Returns:
        List[str]: One phrase per problem, naming what is needed and what is installed.
    """
    problems = []
    for requirement in CORE.values():
        problem, _ = _compare([requirement], version_of)
        problems += problem
    for name in ALWAYS_NEEDED:
        problem, _ = _compare([packages[name] for packages in MM_SETS.values()], version_of)
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
    alternatives: List[str], version_of: Callable[[str], Optional[str]]
) -> Tuple[List[str], bool]:
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


def check_dependencies(version_of: Callable[[str], Optional[str]] = installed_version) -> None:
    """Checks the versions of everything mmtadp is built on.

    Raises:
        ImportError: If something is missing, too old or too new.
    """
    problems = find_problems(version_of)
    if problems:
        raise ImportError(f'mmtadp needs {"; ".join(problems)}. {HOW_TO_INSTALL}.')
