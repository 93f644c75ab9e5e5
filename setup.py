"""Packaging of mmtadp; tool settings are in pyproject.toml."""

import os
import runpy
import shutil
from pathlib import Path

from setuptools import Command, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

ROOT = Path(__file__).parent
MIM_CONTENT = ('configs', 'tools', 'model-index.yml')

VERSION = runpy.run_path(str(ROOT / 'mmtadp' / 'version.py'))['__version__']
DEPENDENCIES = runpy.run_path(str(ROOT / 'mmtadp' / 'utils' / 'dependencies.py'))
ONEDL = DEPENDENCIES['MM_SETS']['onedl']


def copy_mim_content(target: Path) -> None:
    """Copies what mim and mmengine look for into ``target``, a folder named ``.mim``."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for name in MIM_CONTENT:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
            shutil.copytree(ROOT / name, target / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, target / name)


def link_mim_content(target: Path) -> None:
    """Links it instead, so that an editable install follows edits of configs and tools."""
    target.mkdir(parents=True, exist_ok=True)
    for name in MIM_CONTENT:
        link = target / name
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(os.path.relpath(ROOT / name, target))


class BuildMim(Command):
    """Puts configs/, tools/ and model-index.yml into mmtadp/.mim.

    A build sub-command in setuptools' sense: ``editable_mode`` is set by ``pip install -e``.
    """

    description = 'add the files that mim and mmengine look for'
    user_options = []

    def initialize_options(self):
        self.build_lib = None
        self.editable_mode = False

    def finalize_options(self):
        self.set_undefined_options('build_py', ('build_lib', 'build_lib'))

    def run(self):
        if self.editable_mode:
            link_mim_content(ROOT / 'mmtadp' / '.mim')
        else:
            copy_mim_content(Path(self.build_lib) / 'mmtadp' / '.mim')

    def get_output_mapping(self):
        return {
            os.path.join(self.build_lib, 'mmtadp', '.mim', source): source
            for source in self.get_source_files()
        }

    def get_outputs(self):
        return list(self.get_output_mapping())

    def get_source_files(self):
        files = [
            path
            for name in MIM_CONTENT
            for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob('*'))
        ]
        return sorted(
            str(path.relative_to(ROOT))
            for path in files
            if path.is_file() and path.suffix != '.pyc'
        )


class BuildWithMim(build):
    sub_commands = [*build.sub_commands, ('build_mim', None)]


class BdistWheelWithMim(bdist_wheel):
    def write_wheelfile(self, wheelfile_base, **kwargs):
        super().write_wheelfile(wheelfile_base, **kwargs)
        # onedl-mim takes the folder of a distribution's first file for its package. Files are
        # sorted, and 'mmtadp-0.1.0.dist-info/' comes before 'mmtadp/'. (An editable wheel, which
        # has none of these files, it finds another way.)
        content = Path(wheelfile_base).parent / 'mmtadp' / '.mim'
        if content.is_dir():
            shutil.copytree(content, Path(wheelfile_base) / '.mim')


setup(
    name='mmtadp',
    version=VERSION,
    description='Text-image alignment for diffusion-based perception, in OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='mmtadp contributors',
    license='Apache-2.0',
    keywords='computer vision, semantic segmentation, object detection, diffusion models',
    packages=find_packages(include=['mmtadp', 'mmtadp.*']),
    include_package_data=True,
    # An editable install is a line in a .pth file. The default is a finder, and Python prefers any
    # folder named mmtadp next to a user's script, such as a clone, to what a finder finds.
    options={'editable_wheel': {'mode': 'compat'}},
    python_requires='>=3.11,<3.13',
    install_requires=[
        *DEPENDENCIES['CORE'].values(),
        'huggingface_hub',
        'nltk>=3.9',
        'numpy>=2',
        'opencv-python',
        'packaging',
        'pillow',
        'pyyaml',
        'safetensors',
        'tensorboard',
        'tqdm',
    ],
    extras_require={
        'onedl': [*ONEDL.values(), 'onedl-mim>=0.5.1,<1'],
        # Segmentation and depth, for which mmcv needs no compiled operators.
        'onedl-mmseg': [
            *(text for name, text in ONEDL.items() if name != 'mmdet'),
            'onedl-mim>=0.5.1,<1',
        ],
        # Upstream's mmengine imports pkg_resources, its mmsegmentation ftfy and regex, undeclared.
        'openmmlab': [
            *DEPENDENCIES['MM_SETS']['openmmlab'].values(),
            'setuptools<81',
            'ftfy',
            'regex',
        ],
        'personalize': ['accelerate>=1.1,<2'],
        # Of tools/captions/generate.py: 8-bit weights, and several machines.
        'int8': ['accelerate>=1.1,<2', 'bitsandbytes>=0.46'],
        'ray': ['ray[data]>=2.40,<3'],
        'dev': [
            'accelerate>=1.1,<2',
            # Of projects/.
            'matplotlib',
            'scipy',
            'tokenizers',
            # The real counterparts of --engine ray and of clean.py --endpoint: Ray, and what
            # `transformers serve` needs.
            'ray[data]>=2.40,<3',
            'fastapi',
            'openai',
            'uvicorn',
            'hypothesis',
            'psutil',
            'pytest',
            'pytest-xdist>=3.6',
            'ruff',
            'setuptools<81',
            'wheel',
        ],
    },
    cmdclass={
        'build': BuildWithMim,
        'build_mim': BuildMim,
        'bdist_wheel': BdistWheelWithMim,
    },
    zip_safe=False,
)
