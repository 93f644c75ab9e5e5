"""Run tools and functions on bad inputs.

Each module of this folder is the table of one area: name of the case, input, exit code, and what
the message must name.
"""

import contextlib
import io
import runpy
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tests.utils.tiny_model import TEXT_ENCODER, save_pipeline, tiny_diffusion_model


class Outcome(NamedTuple):
    """The end of a tool or a call.

    Attributes:
        code (int): Exit code of a tool; of a call, 0 if it returned and 2 if it raised a
            ``ValueError``, a ``TypeError``, an ``OSError`` or a ``RuntimeError``; 1 for any other
            error, of either.
        message (str): What a tool printed, or the text of the error.
    """

    code: int
    message: str

    def check(self, code: int, names: Iterable[Any]) -> None:
        """Assert the exit code, that the message names each of ``names``, and its form."""
        assert self.code == code, f'exit code {self.code}, expected {code}:\n{self.message}'
        missing = [str(name) for name in names if str(name) not in self.message]
        assert not missing, f'the message does not name {missing}:\n{self.message}'
        for word in ('Traceback (most recent call last)', 'weights_only=False'):
            assert word not in self.message, self.message


@pytest.fixture
def tool(repository, tmp_path, monkeypatch, forget_runs) -> Callable[..., Outcome]:
    """Return a function that runs ``tools/PATH`` in this process, in the folder ``tmp_path``."""

    def run(path: str, *args: Any) -> Outcome:
        forget_runs()
        script = repository / 'tools' / path
        said = io.StringIO()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            # Some tools set it; accelerate would then expect several processes.
            patch.setenv('LOCAL_RANK', '0')
            patch.delenv('LOCAL_RANK')
            # As Python does for a script.
            patch.syspath_prepend(str(script.parent))
            patch.setattr(sys, 'argv', [str(script), *map(str, args)])
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = _exit_code(lambda: runpy.run_path(str(script), run_name='__main__'))
        return Outcome(code, said.getvalue())

    return run


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@pytest.fixture
def call() -> Callable[[Callable[[], Any]], Outcome]:
    """Return a function that calls another one and returns how it ended."""

    def run(function: Callable[[], Any]) -> Outcome:
        try:
            function()
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            return Outcome(2, str(error))
        except BaseException as error:
            return Outcome(1, f'{type(error).__name__}: {error}')
        return Outcome(0, '')

    return run


@pytest.fixture
def small_file(tmp_path) -> Callable[..., Path]:
    """Return a function that writes a file below ``tmp_path`` and returns its path."""

    def write(name: str, content: str | bytes = '') -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope='session')
def small_model(tinysd):
    """Return the seeded model with a vocabulary that is read quickly; do not change it."""
    model = tiny_diffusion_model()
    model.tokenizer = CLIPTokenizer.from_pretrained(tinysd / 'tokenizer')
    words = dict(vocab_size=len(model.tokenizer), eos_token_id=model.tokenizer.eos_token_id)
    model.text_model = CLIPTextModel(CLIPTextConfig(**{**TEXT_ENCODER, **words}))
    return model


@pytest.fixture(scope='session')
def small_pipeline(small_model, tmp_path_factory):
    """Return the model's folder; read it, do not change it."""
    return save_pipeline(small_model, tmp_path_factory.mktemp('small') / 'pipe')
