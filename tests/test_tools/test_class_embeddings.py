import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from tests.conftest import REPOSITORY


def run(cache, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, 'tools/class_embeddings.py', *args],
        cwd=REPOSITORY,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), MMTADP_CACHE=str(cache)),
        capture_output=True,
        text=True,
    )


def test_what_the_tool_caches_is_what_the_prompt_reads(tiny_pipeline, tmp_path, monkeypatch):
    from mmtadp.models import AverageEOSPrompt
    from mmtadp.models.diffusion import load_diffusion_model

    names = ['cat', 'potted plant']
    result = run(tmp_path, '--class-names', *names, '--pretrained', str(tiny_pipeline))
    assert '(2, 32) in ' in result.stdout, result.stderr
    (path,) = tmp_path.glob('class_embeddings/*.safetensors')
    monkeypatch.setenv('MMTADP_CACHE', str(tmp_path))
    monkeypatch.setattr(
        'mmtadp.models.prompts.average_eos_cache.average_eos',
        lambda *args: pytest.fail('computed again'),
    )
    prompt = AverageEOSPrompt(load_diffusion_model(str(tiny_pipeline)), names)
    assert prompt.embeddings.equal(load_file(path)['embeddings'])


def test_config_of_another_prompt(tmp_path):
    result = run(tmp_path, 'configs/tadp/tadp40_ade20k_80k.py')
    assert result.returncode == 1
    assert 'CaptionPrompt, which averages no EOS embeddings' in result.stderr
