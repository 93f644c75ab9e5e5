"""Files of textual inversion, in both formats and broken in every way."""

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.utils.learned_tokens import LearnedEmbedsError, read_learned_token
from mmtadp.utils.tensor_files import TensorFileError

VECTORS = torch.linspace(-1, 1, 12).reshape(3, 4)


def write(folder, content, suffix):
    path = folder / f'learned_embeds{suffix}'
    save_file(content, path) if suffix == '.safetensors' else torch.save(content, path)
    return path


@pytest.mark.parametrize('suffix', ['.safetensors', '.bin', '.pt'])
@pytest.mark.parametrize(
    'saved, shape', [(VECTORS[0], (1, 4)), (VECTORS[:1], (1, 4)), (VECTORS, (3, 4))]
)
def test_format_of_diffusers(tmp_path, suffix, saved, shape):
    path = write(tmp_path, {'<night>': saved.clone()}, suffix)
    token = read_learned_token(str(path))
    assert (token.name, token.path, token.vectors.shape) == ('<night>', path, shape)
    torch.testing.assert_close(token.vectors, saved.reshape(shape))


def test_format_of_automatic1111(tmp_path):
    content = dict(
        string_to_token={'*': torch.tensor(265)},
        string_to_param={'*': torch.nn.Parameter(VECTORS)},
        name='<night>',
        step=3000,
        sd_checkpoint=None,
    )
    token = read_learned_token(write(tmp_path, content, '.pt'))
    assert token.name == '<night>'
    assert not token.vectors.requires_grad
    torch.testing.assert_close(token.vectors, VECTORS)


def test_half_precision_becomes_float32(tmp_path):
    token = read_learned_token(write(tmp_path, {'<n>': VECTORS.half()}, '.safetensors'))
    assert token.vectors.dtype == torch.float32
    torch.testing.assert_close(token.vectors, VECTORS, rtol=1e-3, atol=1e-3)


def test_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    write(tmp_path, {'<n>': VECTORS}, '.bin')
    assert read_learned_token('~/learned_embeds.bin').name == '<n>'


@pytest.mark.parametrize(
    'content, problem',
    [
        ({}, 'holds nothing'),
        ({'<a>': VECTORS, '<b>': VECTORS}, "should hold one token.*holds '<a>', '<b>'"),
        (VECTORS, 'it holds a Tensor, not {'),
        ({' <a>': VECTORS}, "the name of the token is ' <a>'"),
        ({'': VECTORS}, "the name of the token is ''"),
        ({7: VECTORS}, 'the name of the token is 7'),
        ({'emb_params': VECTORS}, "calls the vectors 'emb_params' and does not name the token"),
        ({'<a>': [1.0]}, "'<a>' should have float vectors, not list"),
        ({'<a>': torch.arange(4)}, 'float vectors, not torch.int64'),
        ({'<a>': torch.zeros(0, 4)}, r"'<a>' have the shape \(0, 4\)"),
        ({'<a>': torch.tensor(1.0)}, r'have the shape \(\)'),
        ({'<a>': torch.zeros(1, 1, 4)}, r'have the shape \(1, 1, 4\)'),
        ({'<a>': torch.tensor([0.0, float('nan')])}, 'NaN or infinity'),
        ({'<a>': torch.tensor([0.0, float('-inf')])}, 'NaN or infinity'),
        ({'string_to_param': {'*': VECTORS}}, "automatic1111's format has a 'name'"),
        ({'string_to_param': {}, 'name': '<a>'}, "automatic1111's format has a 'name'"),
    ],
)
def test_unfit_content(tmp_path, content, problem):
    path = write(tmp_path, content, '.bin')
    with pytest.raises(LearnedEmbedsError, match=problem) as error:
        read_learned_token(path)
    assert f"learned_embeds='{path}'" in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="learned_embeds='nowhere.bin' is not a file"):
        read_learned_token('nowhere.bin')
    with pytest.raises(FileNotFoundError, match='is not a file'):
        read_learned_token(tmp_path)


@pytest.mark.parametrize('name', ['a.safetensors', 'a.bin', 'a.pt'])
@pytest.mark.parametrize('content', [b'', b'\x10\x00\x00', b'{"<night>": [1, 2]}'])
def test_broken_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TensorFileError, match=f'{name}. is .*Download or copy it again'):
        read_learned_token(tmp_path / name)


def test_other_suffix(tmp_path):
    (tmp_path / 'a.json').write_text('{}')
    with pytest.raises(LearnedEmbedsError, match=r'a \.safetensors, \.bin or \.pt file'):
        read_learned_token(tmp_path / 'a.json')


def test_code_is_not_executed(tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath('executed').touch, ())

    torch.save({'<a>': Payload()}, tmp_path / 'a.bin')
    with pytest.raises(TensorFileError, match=r'it holds pathlib.*\. Save .*never executes code'):
        read_learned_token(tmp_path / 'a.bin')
    assert not (tmp_path / 'executed').exists()
