import pytest
from safetensors.torch import load_file

from tests.utils.compvis import compvis_state_dict
from tests.utils.tiny_model import tiny_diffusion_model


def test_there_and_back(run_tool, tiny_pipeline, tmp_path, capsys):
    run_tool('model_converters/diffusers2compvis', tiny_pipeline, 'model.safetensors')
    assert 'taken: 896 tensors' in capsys.readouterr().out
    expected = compvis_state_dict(tiny_diffusion_model())
    state = load_file(tmp_path / 'model.safetensors')
    assert state.keys() == expected.keys()

    architecture = ('--architecture', tiny_pipeline)
    run_tool('model_converters/compvis2diffusers', 'model.safetensors', 'folder', *architecture)
    assert 'taken: 896 tensors' in capsys.readouterr().out
    run_tool('model_converters/diffusers2compvis', 'folder', 'again.safetensors')
    again = load_file(tmp_path / 'again.safetensors')
    assert all(again[key].equal(value) for key, value in state.items())


@pytest.mark.parametrize(
    ('tool', 'source', 'message'),
    [
        ('compvis2diffusers', 'missing.ckpt', 'missing.ckpt is not a file'),
        ('diffusers2compvis', 'missing', 'missing is not a folder'),
    ],
)
def test_nothing_there(run_tool, tmp_path, capsys, tool, source, message):
    with pytest.raises(SystemExit):
        run_tool(f'model_converters/{tool}', source, 'x.safetensors')
    assert message in capsys.readouterr().err
