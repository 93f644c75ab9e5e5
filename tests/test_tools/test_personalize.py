import dataclasses
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from mmtadp.personalization import DreamBoothSettings, TextualInversionSettings
from tests.utils.paths import REPOSITORY
from tests.utils.tiny_captioner import write_photos

TINY = ['--resolution', '32', '--steps', '2', '--cpu']


@pytest.fixture
def tool(forget_accelerate, monkeypatch, capsys, tiny_pipeline, tmp_path):
    """Run a tool on three images; return exit code, output and errors."""
    photos = write_photos(tmp_path / 'photos', 3)
    monkeypatch.chdir(tmp_path)

    def run(name: str, *args) -> tuple[int, str, str]:
        AcceleratorState._reset_state(reset_partial_state=True)
        script = str(REPOSITORY / 'tools' / 'personalize' / f'{name}.py')
        arguments = [script, photos, '--pretrained', tiny_pipeline, *args]
        monkeypatch.setattr(sys, 'argv', list(map(str, arguments)))
        monkeypatch.syspath_prepend(str(Path(script).parent))
        with pytest.raises(SystemExit) as end:
            runpy.run_path(script, run_name='__main__')
        return (end.value.code, *capsys.readouterr())

    return run


def test_a_token_and_how_it_fits(tool, tmp_path):
    arguments = ['--out', 'night', '--token', '<night>', '--initializer', 'night']
    arguments += ['--templates', 'photo', '--accumulate', '1', *TINY]
    code, said, _ = tool('textual_inversion', *arguments)
    assert code == 0
    assert 'night/learned_embeds.safetensors: 2 steps, 0 of them in earlier runs' in said
    assert "learned_embeds='night/learned_embeds.safetensors'" in said
    assert "template='a {token} photo of {caption}'" in said
    assert '2 steps, 2 of them in earlier runs' in tool('textual_inversion', *arguments)[1]
    assert len((tmp_path / 'night' / 'log.jsonl').read_text().splitlines()) == 2
    prompts = ['--prompts', '', 'a <night> photo', '--resolution', '32', '--device', 'cpu']
    embeds = ['--learned-embeds', 'night/learned_embeds.safetensors']
    code, said, _ = tool('denoising_loss', *prompts, *embeds)
    rows = re.findall(r"^(\d\.\d{5})  ([+-]\d\.\d{5}) ± (\d\.\d{5})  '(.*)'$", said, re.MULTILINE)
    assert code == 0 and [row[3] for row in rows] == ['', 'a <night> photo']
    assert rows[0][1:3] == ('+0.00000', '0.00000') and float(rows[1][2]) > 0


def test_a_unet(tool, tmp_path):
    code, said, _ = tool('dreambooth', '--out', 'booth', *TINY)
    assert code == 0 and "model = dict(backbone=dict(unet='booth/unet'))" in said
    assert {path.name for path in (tmp_path / 'booth').iterdir()} == {
        *('unet', 'log.jsonl', 'settings.json', 'checkpoint.pt', '.lock')
    }


@pytest.mark.parametrize(
    'name, more, message',
    [
        (
            'textual_inversion',
            ['--token', 'dog', '--initializer', 'dog'],
            'known to the tokenizer',
        ),
        ('dreambooth', ['--prompt', ''], '--prompt is empty'),
    ],
)
def test_what_the_user_can_put_right(tool, tmp_path, name, more, message):
    code, _, errors = tool(name, '--out', 'out', *more, *TINY)
    assert code == 2 and message in errors and not (tmp_path / 'out').exists()


def test_the_documentation_names_arguments_that_exist(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'personalize'))
    page = (REPOSITORY / 'docs' / 'personalization.md').read_text()
    commands = re.findall(r'python (tools/personalize/\w+\.py) ([^`]+?[^\\])\n(?! )', page)
    assert len(commands) >= 3
    for script, arguments in commands:
        parser = runpy.run_path(str(REPOSITORY / script))['make_parser']()
        parser.parse_args(shlex.split(arguments.replace('\\\n', ' ')))
    assert {Path(script).stem for script, _ in commands} == {
        path.stem for path in (REPOSITORY / 'tools' / 'personalize').glob('[a-z]*.py')
    }


@pytest.mark.parametrize(
    ('script', 'settings'),
    [
        ('textual_inversion', TextualInversionSettings),
        ('dreambooth', DreamBoothSettings),
    ],
)
def test_help_names_the_settings_defaults(monkeypatch, script, settings):
    folder = REPOSITORY / 'tools' / 'personalize'
    monkeypatch.syspath_prepend(str(folder))
    parser = runpy.run_path(str(folder / f'{script}.py'))['make_parser']()
    fields = {field.name: field.default for field in dataclasses.fields(settings)}
    seen = 0
    for action in parser._actions:
        found = re.search(r'\(default: ([\d.e-]+)\b', action.help or '')
        if found:
            assert float(found[1]) == fields[action.dest], action.dest
            seen += 1
    assert seen >= 14
    assert set(fields) >= {action.dest for action in parser._actions} - {'help'}
