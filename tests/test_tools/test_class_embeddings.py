import json
import os

import pytest
import torch
from safetensors.torch import load_file

from mmtadp.models import AverageEOSPrompt, ClassEmbeddingsPrompt
from mmtadp.models.diffusion import load_diffusion_model
from mmtadp.models.prompts.embedding_files import read_embeddings

NAMES = ['cat', 'potted plant']


@pytest.fixture
def model(tiny_pipeline):
    return load_diffusion_model(str(tiny_pipeline))


@pytest.fixture
def refused(run_tool, capsys):
    """Run the tool, which fails, and return its message."""

    def run(*args) -> str:
        with pytest.raises(SystemExit) as error:
            run_tool('misc/class_embeddings', *args)
        assert error.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return run


def test_what_the_tool_caches_is_what_the_prompt_reads(
    run_tool, tiny_pipeline, model, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv('MMTADP_CACHE', str(tmp_path))
    run_tool('misc/class_embeddings', '--class-names', *NAMES, '--pretrained', tiny_pipeline)
    assert 'average_eos of 2 classes: (2, 32) in ' in capsys.readouterr().out
    (path,) = tmp_path.glob('class_embeddings/*.safetensors')
    monkeypatch.setattr(
        'mmtadp.models.prompts.average_eos_cache.average_eos',
        lambda *args: pytest.fail('computed again'),
    )
    prompt = AverageEOSPrompt(model, NAMES)
    assert prompt.embeddings.equal(load_file(path)['embeddings'])


def test_a_file_with_its_provenance(run_tool, tiny_pipeline, model, tmp_path):
    (tmp_path / 'names.txt').write_text('cat\n\npotted plant\n')
    arguments = ('--class-file', 'names.txt', '--pretrained', tiny_pipeline)
    # Batches need not be whole classes.
    run_tool('misc/class_embeddings', *arguments, '--out', 'x.safetensors', '--batch-size', '33')
    file = read_embeddings(tmp_path / 'x.safetensors')
    assert (file.kind, file.class_names) == ('average_eos', NAMES)
    assert file.provenance['text_encoder'] == str(tiny_pipeline)
    assert len(json.loads(file.provenance['templates'])) == 80
    expected = AverageEOSPrompt(model, NAMES).embeddings
    torch.testing.assert_close(file.embeddings, expected, rtol=0, atol=1e-6)
    prompt = AverageEOSPrompt(model, NAMES, embeddings=tmp_path / 'x.safetensors')
    assert prompt.embeddings.equal(file.embeddings)


def test_tokens_of_the_names(run_tool, tiny_pipeline, model, tmp_path):
    arguments = ('--class-names', *NAMES, '--pretrained', tiny_pipeline, '--out', 'x.safetensors')
    run_tool('misc/class_embeddings', *arguments, '--kind', 'class_embeddings', '--keep-first-bos')
    file = read_embeddings(tmp_path / 'x.safetensors')
    assert file.embeddings.equal(ClassEmbeddingsPrompt(model, NAMES, True).embeddings)
    assert file.kind == 'class_embeddings' and file.provenance['tokens_per_name'] == '[2, 2]'


def test_templates_of_your_own(run_tool, tiny_pipeline, model, tmp_path):
    (tmp_path / 'templates.txt').write_text('a scan of a {}.\n')
    arguments = ('--class-names', *NAMES, '--pretrained', tiny_pipeline, '--out', 'x.safetensors')
    run_tool('misc/class_embeddings', *arguments, '--templates', 'templates.txt')
    file = read_embeddings(tmp_path / 'x.safetensors')
    ids = model.tokenizer('a scan of a cat.', return_tensors='pt').input_ids
    with torch.no_grad():
        expected = model.text_model(input_ids=ids).last_hidden_state[0, -1]
    torch.testing.assert_close(file.embeddings[0], expected, rtol=0, atol=1e-5)


def test_names_of_a_dataset(run_tool, repository, tiny_pipeline, tmp_path):
    """The prompt of this config names no classes; its dataset does, which need not be there."""
    config = repository / 'configs/tadp/tadp40_nyu_25e.py'
    (tmp_path / 'mine.py').write_text(
        f'_base_ = {str(repository / "configs/tadp/tadp40_voc2012_15e.py")!r}\n'
        "train_dataloader = dict(dataset=dict(metainfo=dict(classes=['crack', 'rust'])))\n"
    )
    arguments = ('--pretrained', tiny_pipeline, '--out')
    run_tool('misc/class_embeddings', tmp_path / 'mine.py', *arguments, 'mine.safetensors')
    assert read_embeddings(tmp_path / 'mine.safetensors').class_names == ['crack', 'rust']
    config = repository / 'configs/tadp/tadp40_ade20k_80k.py'
    options = ('--cfg-options', f'model.backbone.pretrained={tiny_pipeline}')
    run_tool('misc/class_embeddings', config, '--out', 'ade.safetensors', *options)
    names = read_embeddings(tmp_path / 'ade.safetensors').class_names
    assert len(names) == 150 and names[:2] == ['wall', 'building']


def test_names_and_kind_of_a_prompt(run_tool, repository, tiny_pipeline, tmp_path):
    config = repository / 'configs/tadp/class_embeddings_voc2012_15e.py'
    run_tool(
        'misc/class_embeddings', config, '--pretrained', tiny_pipeline, '--out', 'x.safetensors'
    )
    file = read_embeddings(tmp_path / 'x.safetensors')
    assert file.kind == 'class_embeddings' and file.class_names[1] == 'airplane'


def test_messages(refused, tiny_pipeline, tmp_path):
    assert 'give either a config' in refused()
    assert 'give either a config' in refused('x.py', '--class-names', 'cat')
    names = ('--class-names', 'cat', '--pretrained', tiny_pipeline)
    assert '--out' in refused(*names, '--kind', 'class_embeddings')
    assert 'should be a .safetensors file' in refused(*names, '--out', 'x.pth')
    (tmp_path / 'x.safetensors').touch()
    assert '--overwrite' in refused(*names, '--out', 'x.safetensors')
    (tmp_path / 'bad.txt').write_text('a photo')
    message = refused(*names, '--out', 'y.safetensors', '--templates', 'bad.txt')
    assert 'each template has one {} for the name' in message and "['a photo']" in message
    assert 'does not exist' in refused('--class-names', 'cat', '--pretrained', './gone')
    assert "got ' ' at index 1" in refused('--class-names', 'cat', ' ')
    assert not os.path.exists(tmp_path / 'y.safetensors')
