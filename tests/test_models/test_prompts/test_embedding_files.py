import json

import pytest
import torch
from safetensors import safe_open

from mmtadp.models import AverageEOSPrompt, CategoryEOSPrompt, ClassEmbeddingsPrompt
from mmtadp.models.prompts.embedding_files import (
    AVERAGE_EOS,
    CLASS_EMBEDDINGS,
    EmbeddingsError,
    read_embeddings,
    save_embeddings,
)
from mmtadp.utils.tensor_files import TensorFileError
from tests.utils.tiny_model import WIDTH, tiny_diffusion_model

NAMES = ['cat', 'dining table']
ROWS = torch.arange(2.0 * WIDTH).reshape(2, WIDTH)


@pytest.fixture(scope='module')
def model():
    return tiny_diffusion_model()


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / 'sub' / 'x.safetensors'
    save_embeddings(path, ROWS, AVERAGE_EOS, NAMES, dict(text_encoder='sd15'))
    file = read_embeddings(path)
    assert torch.equal(file.embeddings, ROWS)
    assert (file.kind, file.class_names) == (AVERAGE_EOS, NAMES)
    assert file.provenance['text_encoder'] == 'sd15'
    assert file.provenance['torch'] and file.provenance['mmtadp']
    with safe_open(path, 'pt') as content:
        assert json.loads(content.metadata()['class_names']) == NAMES
    assert [p.name for p in path.parent.iterdir()] == ['x.safetensors']


@pytest.mark.parametrize('content', [ROWS, ROWS.half(), {'embeddings': ROWS}])
def test_files_of_vpd_and_mmseg(tmp_path, content):
    torch.save(content, tmp_path / 'x.pth')
    file = read_embeddings(tmp_path / 'x.pth')
    assert file.embeddings.dtype == torch.float32
    assert torch.equal(file.embeddings, ROWS)
    assert file.kind is None and file.class_names is None


@pytest.mark.parametrize('prompt_type', [AverageEOSPrompt, CategoryEOSPrompt])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_prompts_take_a_file(model, tmp_path, monkeypatch, prompt_type, suffix):
    path = tmp_path / f'x{suffix}'
    if suffix == '.pth':
        torch.save(ROWS, path)
    else:
        save_embeddings(path, ROWS, AVERAGE_EOS, NAMES)
    monkeypatch.setattr(
        'mmtadp.models.prompts.average_eos.cached_average_eos',
        lambda *args: pytest.fail('computed'),
    )
    prompt = prompt_type(model, NAMES, embeddings=str(path))
    assert torch.equal(prompt.embeddings, ROWS)


def test_class_embeddings_take_a_file(model, tmp_path):
    expected = ClassEmbeddingsPrompt(model, NAMES)
    save_embeddings(tmp_path / 'x.safetensors', expected.embeddings + 1, CLASS_EMBEDDINGS, NAMES)
    prompt = ClassEmbeddingsPrompt(model, NAMES, embeddings=tmp_path / 'x.safetensors')
    assert torch.equal(prompt.embeddings, expected.embeddings + 1)
    with pytest.raises(EmbeddingsError, match='has 3 rows, the prompt needs 4'):
        ClassEmbeddingsPrompt(
            model, NAMES, keep_first_bos=True, embeddings=tmp_path / 'x.safetensors'
        )


def test_a_checkpoint_needs_no_file(tmp_path):
    model = tiny_diffusion_model()
    model.skip_pretrained = True
    prompt = AverageEOSPrompt(model, NAMES, embeddings=str(tmp_path / 'gone.pth'))
    assert prompt.embeddings.shape == (2, WIDTH)


def test_the_file_is_read_if_it_is_there(tmp_path):
    """To compare it with the checkpoint, and on the device of the model."""
    torch.save(torch.ones(2, WIDTH), tmp_path / 'one.pth')
    model = tiny_diffusion_model()
    model.skip_pretrained = True
    for device in ('cpu', 'meta'):
        with torch.device(device):
            prompt = AverageEOSPrompt(model, NAMES, embeddings=str(tmp_path / 'one.pth'))
        assert prompt.embeddings.device.type == device
        assert device == 'meta' or prompt.embeddings.eq(1).all()


class TestMessages:
    def read(self, tmp_path, content):
        torch.save(content, tmp_path / 'x.pth')
        return read_embeddings(tmp_path / 'x.pth')

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='looked at'):
            read_embeddings(tmp_path / 'x.pth')

    def test_no_tensor(self, tmp_path):
        with pytest.raises(EmbeddingsError, match=r'floats \(T, D\), not list'):
            self.read(tmp_path, [1.0])

    def test_one_row(self, tmp_path):
        with pytest.raises(EmbeddingsError, match=r'torch.float32 of shape \(32,\)'):
            self.read(tmp_path, ROWS[0])

    def test_a_checkpoint(self, tmp_path):
        with pytest.raises(EmbeddingsError, match="holds 2 entries .*'a', 'b'"):
            self.read(tmp_path, dict(a=ROWS, b=ROWS))

    def test_code(self, tmp_path):
        with pytest.raises(TensorFileError, match='never executes code'):
            self.read(tmp_path, print)

    @pytest.mark.parametrize(
        ('rows', 'kind', 'names', 'message'),
        [
            (ROWS, CLASS_EMBEDDINGS, NAMES, 'holds class_embeddings, this prompt takes average'),
            (ROWS, AVERAGE_EOS, ['cat', 'sofa'], r"differs is 1: \['sofa'\] in the file, \['din"),
            (
                ROWS,
                AVERAGE_EOS,
                ['cat'],
                r'has 1 classes, the prompt has 2; .* \[\] in the file',
            ),
            (ROWS[:, :8], AVERAGE_EOS, NAMES, 'rows of width 8, the text encoder .* gives 32'),
        ],
    )
    def test_of_something_else(self, model, tmp_path, rows, kind, names, message):
        save_embeddings(tmp_path / 'x.safetensors', rows, kind, names)
        with pytest.raises(EmbeddingsError, match=message):
            AverageEOSPrompt(model, NAMES, embeddings=tmp_path / 'x.safetensors')

    def test_other_number_of_classes(self, model, tmp_path):
        torch.save(ROWS[:1], tmp_path / 'x.pth')
        with pytest.raises(EmbeddingsError, match=r'has 1 rows, the prompt needs 2 \(one per cl'):
            AverageEOSPrompt(model, NAMES, embeddings=tmp_path / 'x.pth')
