import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import load_diffusion_model, no_pretrained_weights
from mmtadp.models.diffusion.loading import HUB_ARCHITECTURES
from tests.utils.compvis import compvis_state_dict
from tests.utils.seeded_weights import seeded_image
from tests.utils.tiny_model import tiny_diffusion_model

HUB_ID = 'stable-diffusion-v1-5/stable-diffusion-v1-5'


@pytest.fixture(scope='module')
def single_files(tmp_path_factory):
    """Write the seeded model as .safetensors and as .ckpt."""
    folder = tmp_path_factory.mktemp('single')
    state = {k: v.contiguous() for k, v in compvis_state_dict(tiny_diffusion_model()).items()}
    save_file(state, folder / 'model.safetensors')
    torch.save({'state_dict': state, 'global_step': 10}, folder / 'model.ckpt')
    return folder


def features(pretrained, **kwargs):
    backbone = TADPUNetBackbone(pretrained=str(pretrained), **kwargs).eval()
    backbone.set_prompts(['a photo of a cat'])
    with torch.no_grad():
        return backbone(seeded_image(1, 64))


@pytest.mark.parametrize('name', ['model.safetensors', 'model.ckpt'])
def test_single_file_and_folder_give_equal_features(tiny_pipeline, single_files, name):
    from_file = features(single_files / name, architecture=str(tiny_pipeline))
    for feature, expected in zip(from_file, features(tiny_pipeline), strict=True):
        torch.testing.assert_close(feature, expected, rtol=1e-4, atol=1e-4)


def test_every_weight_is_the_file_s(tiny_pipeline, single_files):
    model = load_diffusion_model(str(single_files / 'model.safetensors'), str(tiny_pipeline))
    expected = tiny_diffusion_model()
    for part in ('unet', 'vae', 'text_model'):
        state, reference = (getattr(m, part).state_dict() for m in (model, expected))
        assert state.keys() == reference.keys()
        assert all(torch.equal(state[key], reference[key]) for key in state)


def test_half_precision_pipeline_is_read_as_float32(tiny_pipeline, tmp_path):
    model = tiny_diffusion_model()
    shutil.copytree(tiny_pipeline, tmp_path / 'half')
    for part, folder in (('unet', 'unet'), ('vae', 'vae'), ('text_model', 'text_encoder')):
        getattr(model, part).half().save_pretrained(tmp_path / 'half' / folder)
    loaded = load_diffusion_model(str(tmp_path / 'half'))
    for part in (loaded.unet, loaded.vae, loaded.text_model):
        assert {p.dtype for p in part.parameters()} == {torch.float32}


def test_random_weights_of_a_named_architecture():
    with torch.device('meta'):
        model = load_diffusion_model(None, 'stable-diffusion-v1-5')
    # Stable Diffusion 1.5 as published.
    count = {
        part: sum(p.numel() for p in getattr(model, part).parameters())
        for part in ('unet', 'vae', 'text_model')
    }
    assert count == dict(unet=859_520_964, vae=83_653_863, text_model=123_060_480)
    assert len(model.tokenizer) == 49408


def test_hub_ids_known_here_need_no_network_when_a_checkpoint_follows():
    for hub_id in HUB_ARCHITECTURES:
        with torch.device('meta'), no_pretrained_weights():
            backbone = TADPUNetBackbone(pretrained=hub_id)
        assert backbone.out_channels == (320, 717, 1357, 1280)


class TestMessages:
    @pytest.mark.parametrize('pretrained', ['nowhere', './a/b', '/no/where', 'a/b.safetensors'])
    def test_not_found(self, pretrained):
        with pytest.raises(FileNotFoundError, match=f"pretrained='{pretrained}' does not exist"):
            load_diffusion_model(pretrained)

    def test_no_network(self):
        with pytest.raises(ConnectionError, match=f'hf download {HUB_ID} --local-dir DIR'):
            load_diffusion_model(HUB_ID)

    def test_not_a_pipeline(self, tmp_path):
        (tmp_path / 'notes.txt').touch()
        with pytest.raises(ValueError, match=r"not a diffusers pipeline.*\['notes.txt'\]"):
            load_diffusion_model(str(tmp_path))

    @pytest.mark.parametrize('part', ['unet', 'vae', 'text_encoder', 'tokenizer'])
    def test_missing_part_of_a_folder(self, tiny_pipeline, tmp_path, part):
        folder = tmp_path / 'pipeline'
        shutil.copytree(tiny_pipeline, folder, ignore=shutil.ignore_patterns(part))
        with pytest.raises(ValueError, match=f'lacks {part}'):
            load_diffusion_model(str(folder))

    @pytest.mark.parametrize(
        'prefix, part',
        [
            ('model.diffusion_model.', 'unet'),
            ('first_stage_model.', 'vae'),
            ('cond_stage_model.', 'text_encoder'),
        ],
    )
    def test_missing_part_of_a_file(self, tiny_pipeline, single_files, tmp_path, prefix, part):
        state = torch.load(single_files / 'model.ckpt', weights_only=True)['state_dict']
        path = tmp_path / 'part.ckpt'
        torch.save({k: v for k, v in state.items() if not k.startswith(prefix)}, path)
        with pytest.raises(ValueError, match=f'has no {part}'):
            load_diffusion_model(str(path), str(tiny_pipeline))

    def test_missing_weight(self, tiny_pipeline, single_files, tmp_path):
        state = torch.load(single_files / 'model.ckpt', weights_only=True)['state_dict']
        del state['model.diffusion_model.input_blocks.0.0.bias']
        torch.save(state, tmp_path / 'part.ckpt')
        with pytest.raises((ValueError, KeyError), match='conv_in.bias|input_blocks.0.0.bias'):
            load_diffusion_model(str(tmp_path / 'part.ckpt'), str(tiny_pipeline))

    def test_file_of_another_architecture(self, tiny_pipeline, single_files, tmp_path):
        folder = tmp_path / 'wider'
        shutil.copytree(tiny_pipeline, folder)
        config = json.loads((folder / 'unet' / 'config.json').read_text())
        config['time_embedding_dim'] = 64
        (folder / 'unet' / 'config.json').write_text(json.dumps(config))
        with pytest.raises(ValueError, match='tensors of the unet do not fit the architecture'):
            load_diffusion_model(str(single_files / 'model.ckpt'), str(folder))

    def test_unsafe_checkpoint_is_not_executed(self, tmp_path):
        class Payload:
            def __reduce__(self):
                return (tmp_path.joinpath('executed').touch, ())

        torch.save({'state_dict': {}, 'callbacks': Payload()}, tmp_path / 'unsafe.ckpt')
        with pytest.raises(ValueError, match='never executes code'):
            load_diffusion_model(str(tmp_path / 'unsafe.ckpt'))
        assert not (tmp_path / 'executed').exists()

    def test_broken_file(self, tmp_path):
        (tmp_path / 'half.safetensors').write_bytes(b'\x10\x00\x00')
        with pytest.raises(ValueError, match='truncated: it ends after 3 bytes'):
            load_diffusion_model(str(tmp_path / 'half.safetensors'))

    def test_unknown_architecture(self):
        with pytest.raises(FileNotFoundError, match="'stable-diffusion-v1-5'"):
            load_diffusion_model(None, 'stable-diffusion-9')
