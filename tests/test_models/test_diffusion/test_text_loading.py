import shutil

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.models.diffusion import TextEncoder, load_text_encoder
from tests.utils.compvis import compvis_state_dict
from tests.utils.tiny_model import tiny_diffusion_model


def embedded(model, tokenizer):
    return TextEncoder(model, tokenizer)(['a potted plant'])


@pytest.fixture(scope='module')
def expected():
    model = tiny_diffusion_model()
    return embedded(model.text_model, model.tokenizer)


def test_of_a_pipeline(tiny_pipeline, expected, monkeypatch):
    monkeypatch.setattr(
        'mmtadp.models.diffusion.text_loading.load_diffusion_model',
        lambda *args: pytest.fail('read the U-Net'),
    )
    assert torch.equal(embedded(*load_text_encoder(str(tiny_pipeline))), expected)


def test_of_a_text_model_by_itself(tiny_pipeline, expected, tmp_path):
    shutil.copytree(tiny_pipeline / 'text_encoder', tmp_path / 'clip')
    assert torch.equal(embedded(*load_text_encoder(str(tmp_path / 'clip'))), expected)
    for file in (tiny_pipeline / 'tokenizer').iterdir():
        shutil.copy(file, tmp_path / 'clip')
    assert torch.equal(embedded(*load_text_encoder(str(tmp_path / 'clip'))), expected)


def test_of_a_single_file(tiny_pipeline, expected, tmp_path):
    state = compvis_state_dict(tiny_diffusion_model())
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / 'model.safetensors')
    loaded = load_text_encoder(str(tmp_path / 'model.safetensors'), str(tiny_pipeline))
    assert torch.equal(embedded(*loaded), expected)


def test_messages(tmp_path):
    with pytest.raises(ValueError, match='has no text encoder.*holds nothing'):
        load_text_encoder(str(tmp_path))
    save_file({'a': torch.ones(1)}, tmp_path / 'model.safetensors')
    with pytest.raises(ValueError, match='no text_encoder in CompVis layout'):
        load_text_encoder(str(tmp_path / 'model.safetensors'))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        load_text_encoder(str(tmp_path / 'gone'))
