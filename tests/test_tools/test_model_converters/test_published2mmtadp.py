from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from safetensors.torch import load_file

from mmtadp.apis import init_model
from tests.utils.published import published_layout, published_weights
from tests.utils.published_runs import CONFIGS, RUNS, small_options, write_architecture
from tests.utils.seeded_weights import seeded_image

TOOL = 'model_converters/published2mmtadp'
TABLE = 'sd_model.cond_stage_model.transformer.text_model.embeddings.token_embedding.weight'


@pytest.fixture
def options(tmp_path):
    """Command line of a golden run's size."""
    architecture = write_architecture(tmp_path / 'architecture')

    def of(name: str) -> list[str]:
        pairs = small_options(name, architecture).items()
        return ['--cfg-options', *(f'{k}={v}'.replace(' ', '') for k, v in pairs)]

    return of


@pytest.fixture
def published(tmp_path) -> Path:
    """Return a checkpoint of mmseg 0.x, as a run saves it."""
    path = tmp_path / 'tadp_seg_blipmin40.ckpt'
    meta = dict(
        config='model = dict()', CLASSES=tuple('abcde'), PALETTE=[[0, 0, i] for i in range(5)]
    )
    state = published_weights(published_layout('ade20k_captions'))
    optimizer = dict(state={0: dict(exp_avg=torch.zeros(3))})
    torch.save(dict(meta=meta, state_dict=state, optimizer=optimizer), path)
    return path


BASE = CONFIGS / RUNS['ade20k_captions'][0]


def test_from_file_to_model(run_tool, options, published, tmp_path, capsys):
    run_tool(TOOL, published, BASE, 'out/ours.pth', *options('ade20k_captions'))
    text = capsys.readouterr().out
    assert 'tadp_seg_blipmin40.ckpt: segmentation, in mmseg 0.x' in text
    assert 'taken: 884 tensors' in text and 'dropped on purpose: 19 tensors' in text
    assert 'left out: optimizer (1)' in text
    assert 'latent_scaling: True (the file has the autoencoder in sd_model' in text
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['ours.pth', 'ours.py']

    config = Config.fromfile(tmp_path / 'out' / 'ours.py')
    assert config.train_cfg.max_iters == 80000 and config.model.neck.out_channels == 32
    model = init_model(config, str(tmp_path / 'out' / 'ours.pth'))
    assert model.dataset_meta['classes'] == tuple('abcde')
    model.backbone.set_prompts(['a cat'])
    with torch.no_grad():
        features = model.backbone(seeded_image(1, 64))
    assert [feature.shape[1] for feature in features] == [32, 141, 173, 96]

    with pytest.raises(SystemExit):
        run_tool(TOOL, published, BASE, 'out/ours.pth', *options('ade20k_captions'))
    assert '--overwrite' in capsys.readouterr().err


def test_tokens_of_textual_inversion(run_tool, options, published, tmp_path, capsys):
    content = torch.load(published, weights_only=True)
    learned = torch.arange(48.0)[None]
    content['state_dict'][TABLE] = torch.cat([content['state_dict'][TABLE], learned])
    torch.save(content, published)

    arguments = (TOOL, published, BASE, 'out/ours.pth')
    with pytest.raises(SystemExit):
        run_tool(*arguments, *options('ade20k_captions'))
    assert 'has 49409 tokens, the model of this config has 49408' in capsys.readouterr().err

    names = ('--learned-token', '<night>', '<day>')
    with pytest.raises(SystemExit):
        run_tool(*arguments, *names, *options('ade20k_captions'))
    assert (
        "2 learned tokens were named (['<night>', '<day>']), and 1 found"
        in capsys.readouterr().err
    )

    run_tool(*arguments, *names[:2], *options('ade20k_captions'))
    token = load_file(tmp_path / 'out' / 'ours_learned_embeds.safetensors')
    assert token.keys() == {'<night>'} and torch.equal(token['<night>'], learned[0])
    model = init_model(tmp_path / 'out' / 'ours.py', str(tmp_path / 'out' / 'ours.pth'))
    encoder = model.backbone.prompt.text_encoder
    assert encoder.tokenizer('<night>', add_special_tokens=False).input_ids == [49408]
    table = encoder.model.embeddings.token_embedding
    assert torch.equal(table(torch.tensor([[49408]]))[0], learned)


class Payload:
    def __reduce__(self):
        return (print, ('executed',))


def test_unsafe_file(run_tool, options, published, tmp_path, capsys):
    content = torch.load(published, weights_only=True)
    torch.save(dict(content, hook=Payload()), published)
    arguments = (TOOL, published, BASE, 'ours.pth')
    with pytest.raises(SystemExit):
        run_tool(*arguments, *options('ade20k_captions'))
    output = capsys.readouterr()
    assert 'it holds builtins.print' in output.err and 'executed' not in output.out
    run_tool(*arguments, '--allow-pickle', *options('ade20k_captions'))
    assert 'executed' in capsys.readouterr().out and (tmp_path / 'ours.pth').is_file()


def test_wrong_config(run_tool, published, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool(TOOL, published, BASE, 'ours.pth')
    assert 'Is it a checkpoint of this config' in capsys.readouterr().err
    assert not (tmp_path / 'ours.pth').exists()
