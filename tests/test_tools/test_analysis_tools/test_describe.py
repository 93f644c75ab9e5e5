import os
import subprocess
import sys

from tests.utils.paths import REPOSITORY


def describe(*args: str) -> str:
    result = subprocess.run(
        [sys.executable, 'tools/analysis_tools/describe.py', *args],
        cwd=REPOSITORY,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
        capture_output=True,
        text=True,
        check=True,
    )
    return ' '.join(result.stdout.split())


def test_parameters_of_tadp():
    text = describe('configs/tadp/tadp40_ade20k_80k.py')
    assert 'U-Net 859,508,800 859,508,800' in text
    assert "autoencoder's encoder 34,163,664 0" in text
    assert 'text encoder 123,060,480 0' in text
    assert 'all 1,024,205,734 866,981,590' in text
    assert 'CaptionPrompt: 77 tokens of width 768' in text
    assert 'channels [320, 717, 1357, 1280]' in text


def test_one_forward(tiny_pipeline):
    text = describe(
        'configs/tadp/tadp40_ade20k_80k.py',
        '--forward',
        '64',
        '96',
        '--cfg-options',
        f'model.backbone.architecture={tiny_pipeline}',
        'model.backbone.pretrained=None',
        'model.neck.in_channels=[32,109,141,64]',
    )
    assert 'one forward pass of 1 x 3 x 64 x 96 on cpu' in text
    assert 'stride 8: (1, 32, 8, 12)' in text
    assert 'stride 64: (1, 64, 1, 2)' in text


def test_the_forward_is_that_of_the_configs_model(tiny_pipeline):
    text = describe(
        'configs/tadp/tadp40_ade20k_80k.py',
        '--forward',
        '64',
        '64',
        '--cfg-options',
        f'model.backbone.pretrained={tiny_pipeline}',
        'model.neck.in_channels=[32,109,141,64]',
    )
    assert 'channels [32, 109, 141, 64]' in text
    assert 'stride 8: (1, 32, 8, 8) stride 16: (1, 109, 4, 4) stride 32: (1, 141, 2, 2)' in text
