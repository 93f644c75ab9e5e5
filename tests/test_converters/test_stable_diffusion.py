import json

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from mmtadp.converters import (
    CheckpointError,
    folder_to_single_file,
    single_file_to_folder,
)
from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import load_diffusion_model
from tests.utils.compvis import compvis_state_dict
from tests.utils.seeded_weights import seeded_image
from tests.utils.tiny_model import tiny_diffusion_model


@pytest.fixture(scope='module')
def weights():
    """Return the seeded model under CompVis keys."""
    return {k: v.contiguous() for k, v in compvis_state_dict(tiny_diffusion_model()).items()}


@pytest.fixture(scope='module')
def ckpt(weights, tmp_path_factory):
    """As published: with what a training run of CompVis leaves beside the weights."""
    path = tmp_path_factory.mktemp('single') / 'model.ckpt'
    state = {**weights, 'betas': torch.rand(1000), 'alphas_cumprod': torch.rand(1000)}
    state['cond_stage_model.transformer.text_model.embeddings.position_ids'] = torch.arange(77)[
        None
    ]
    unet = [key for key in weights if key.startswith('model.')]
    for key in unet:
        state['model_ema.' + key.removeprefix('model.').replace('.', '')] = weights[key] + 1
    state['model_ema.num_updates'] = torch.tensor(3)
    torch.save({'state_dict': state, 'global_step': 10}, path)
    return path


def features(pretrained, **kwargs):
    backbone = TADPUNetBackbone(pretrained=str(pretrained), **kwargs).eval()
    backbone.set_prompts(['a photo of a cat'])
    with torch.no_grad():
        return backbone(seeded_image(1, 64))


def test_file_to_folder_has_the_same_weights_and_tokens(tiny_pipeline, ckpt, tmp_path):
    report = single_file_to_folder(ckpt, tmp_path / 'folder', str(tiny_pipeline))
    assert (report.num_taken, report.num_dropped) == (896, 2 + 1 + 684 + 1)
    assert {row.what: row.count for row in report.taken.values()} == {
        'U-Net': 684,
        'autoencoder': 176,
        'text encoder': 36,
    }
    model, expected = load_diffusion_model(str(tmp_path / 'folder')), tiny_diffusion_model()
    for part in ('unet', 'vae', 'text_model'):
        state, reference = (getattr(m, part).state_dict() for m in (model, expected))
        assert state.keys() == reference.keys()
        assert all(torch.equal(state[key], reference[key]) for key in state)
    text = 'a potted plant on a dining table'
    assert model.tokenizer(text).input_ids == expected.tokenizer(text).input_ids


def test_folder_is_a_pipeline_that_generates(tiny_pipeline, ckpt, tmp_path):
    single_file_to_folder(ckpt, tmp_path / 'folder', str(tiny_pipeline))
    index = json.loads((tmp_path / 'folder' / 'model_index.json').read_text())
    assert index['_class_name'] == 'StableDiffusionPipeline'
    assert index['scheduler'] == ['diffusers', 'PNDMScheduler']
    assert not list(tmp_path.rglob('*.bin')) and not list(tmp_path.glob('.converting*'))
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / 'folder')
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        'a dog', num_inference_steps=2, height=64, width=64, output_type='np', generator=_seed()
    ).images
    assert image.shape == (1, 64, 64, 3)
    expected = StableDiffusionPipeline.from_pretrained(tiny_pipeline)
    expected.set_progress_bar_config(disable=True)
    expected.scheduler = pipeline.scheduler
    reference = expected(
        'a dog', num_inference_steps=2, height=64, width=64, output_type='np', generator=_seed()
    ).images
    assert abs(image - reference).max() < 1e-5 and image.std() > 0.01


def _seed():
    return torch.Generator().manual_seed(0)


def test_averaged_weights_on_request(tiny_pipeline, ckpt, tmp_path):
    report = single_file_to_folder(ckpt, tmp_path / 'folder', str(tiny_pipeline), ema=True)
    assert report.dropped['U-Net before averaging'].count == 684
    unet = UNet2DConditionModel.from_pretrained(tmp_path / 'folder' / 'unet')
    torch.testing.assert_close(
        unet.conv_in.weight, tiny_diffusion_model().unet.conv_in.weight + 1, rtol=0, atol=0
    )


@pytest.mark.parametrize('suffix', ['.safetensors', '.ckpt'])
def test_folder_to_file_and_back(tiny_pipeline, weights, tmp_path, suffix):
    target = tmp_path / f'model{suffix}'
    report = folder_to_single_file(tiny_pipeline, target)
    assert report.num_taken == len(weights) == 896
    if suffix == '.ckpt':
        state = torch.load(target, weights_only=True)['state_dict']
    else:
        state = load_file(target)
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[key], weights[key]) for key in weights)
    from_file = features(target, architecture=str(tiny_pipeline))
    for feature, expected in zip(from_file, features(tiny_pipeline), strict=True):
        torch.testing.assert_close(feature, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_stays_half(tiny_pipeline, weights, tmp_path):
    folder_to_single_file(tiny_pipeline, tmp_path / 'half.safetensors', half=True)
    state = load_file(tmp_path / 'half.safetensors')
    assert {value.dtype for value in state.values()} == {torch.float16}
    single_file_to_folder(tmp_path / 'half.safetensors', tmp_path / 'folder', str(tiny_pipeline))
    (file,) = (tmp_path / 'folder' / 'unet').glob('*.safetensors')
    assert load_file(file)['conv_in.weight'].dtype == torch.float16


class TestMessages:
    def test_unknown_tensor(self, tiny_pipeline, weights, tmp_path):
        name = 'model.diffusion_model.control.x'
        save_file({**weights, name: torch.zeros(1)}, tmp_path / 'm.safetensors')
        with pytest.raises(CheckpointError, match=f'1 tensors have no place .*{name}'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f', str(tiny_pipeline))
        assert not (tmp_path / 'f').exists()

    def test_missing_tensor(self, tiny_pipeline, weights, tmp_path):
        name = 'first_stage_model.encoder.conv_in.bias'
        save_file({k: v for k, v in weights.items() if k != name}, tmp_path / 'm.safetensors')
        with pytest.raises(CheckpointError, match=f'lacks 1 tensors .*{name}'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f', str(tiny_pipeline))

    def test_other_architecture(self, weights, tmp_path):
        save_file(weights, tmp_path / 'm.safetensors')
        with pytest.raises(ValueError, match='lacks|do not fit the architecture'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f')

    def test_stable_diffusion_2(self, tmp_path):
        key = 'cond_stage_model.model.positional_embedding'
        save_file({key: torch.zeros(1)}, tmp_path / 'm.safetensors')
        with pytest.raises(CheckpointError, match='Stable Diffusion 2.x'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f')

    def test_part_of_a_model(self, weights, tmp_path):
        unet = {k: v for k, v in weights.items() if k.startswith('model.')}
        save_file(unet, tmp_path / 'm.safetensors')
        with pytest.raises(CheckpointError, match='has no autoencoder'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f')

    def test_no_averaged_weights(self, weights, tmp_path):
        save_file(weights, tmp_path / 'm.safetensors')
        with pytest.raises(CheckpointError, match='no averaged weights'):
            single_file_to_folder(tmp_path / 'm.safetensors', tmp_path / 'f', ema=True)

    def test_what_exists_is_kept(self, tiny_pipeline, ckpt, tmp_path):
        (tmp_path / 'folder').mkdir()
        (tmp_path / 'folder' / 'mine.txt').write_text('x')
        with pytest.raises(CheckpointError, match='--overwrite'):
            single_file_to_folder(ckpt, tmp_path / 'folder', str(tiny_pipeline))
        assert (tmp_path / 'folder' / 'mine.txt').is_file()
        single_file_to_folder(ckpt, tmp_path / 'folder', str(tiny_pipeline), overwrite=True)
        assert not (tmp_path / 'folder' / 'mine.txt').exists()
        assert (tmp_path / 'folder' / 'model_index.json').is_file()

    def test_other_suffix(self, tiny_pipeline, tmp_path):
        with pytest.raises(CheckpointError, match='.safetensors or .ckpt'):
            folder_to_single_file(tiny_pipeline, tmp_path / 'model.bin')
