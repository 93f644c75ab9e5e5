"""The parsers of tools/captions name defaults and choices of the library without importing it."""

import subprocess
import sys
from dataclasses import fields
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from mmtadp.captioning import DEFAULT_MODEL, DTYPES, Decoding, Task
from mmtadp.captioning.cleaning import STYLES
from mmtadp.captions.check import PROBLEMS
from mmtadp.captions.keys import KEY_POLICIES
from mmtadp.captions.keys_of_images import POLICIES
from mmtadp.captions.merge import ON_CONFLICT
from mmtadp.utils.image_sources import SOURCES
from tests.utils.paths import REPOSITORY

TOOLS = REPOSITORY / 'tools' / 'captions'
NAMES = sorted(path.stem for path in TOOLS.glob('*.py'))


def load(name: str):
    spec = spec_from_file_location(f'captions_tool_{name}', TOOLS / f'{name}.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def choices(parser, option: str) -> list:
    return list(next(a for a in parser._actions if option in a.option_strings).choices)


def test_generate():
    parser = load('generate').make_parser()
    args = parser.parse_args(['images', '--out', 'captions.json'])
    defaults = {item.name: item.default for item in fields(Task)}
    assert args.model == DEFAULT_MODEL
    assert Decoding(args.min_new_tokens, args.max_new_tokens, args.num_beams) == Decoding()
    for name in ('batch_size', 'max_pixels', 'key', 'splits'):
        assert getattr(args, name) == defaults[name]
    assert set(choices(parser, '--dtype')) == {'auto', 'int8', *DTYPES}
    assert choices(parser, '--key') == list(POLICIES)


def test_others():
    assert choices(load('merge').make_parser(), '--on-conflict') == list(ON_CONFLICT)
    assert set(choices(load('check').make_parser(), '--key')) == set(KEY_POLICIES)
    assert tuple(PROBLEMS) == load('check').PROBLEMS
    for name in ('check', 'clean'):
        assert ', '.join(STYLES) == load(name).STYLES
    for name in ('check', 'derive', 'generate'):
        assert load(name).SOURCES == SOURCES


@pytest.mark.parametrize('name', NAMES)
def test_help_imports_no_library(name):
    code = (
        'import runpy, sys\n'
        'try:\n'
        f'    runpy.run_path({str(TOOLS / name)!r} + ".py", run_name="__main__")\n'
        'except SystemExit as end:\n'
        '    print(end.code, sorted({"torch", "mmengine", "mmtadp"} & sys.modules.keys()))\n'
    )
    result = subprocess.run(
        [sys.executable, '-c', code, '--help'], capture_output=True, text=True, check=True
    )
    assert 'usage:' in result.stdout and result.stdout.splitlines()[-1] == '0 []'
