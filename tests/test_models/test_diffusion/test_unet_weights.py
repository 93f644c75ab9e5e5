"""A U-Net in place of the pipeline's own."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.models import TADPUNetBackbone, no_pretrained_weights
from mmtadp.models.diffusion import load_diffusion_model
from tests.utils.compvis import compvis_state_dict
from tests.utils.seeded_weights import seed_weights, seeded_image
from tests.utils.tiny_model import save_pipeline, tiny_diffusion_model


@pytest.fixture(scope='module')
def trained():
    """Return the tiny model after DreamBooth, with another U-Net and text encoder."""
    model = tiny_diffusion_model()
    seed_weights(model.unet, 'unet.', seed=1)
    seed_weights(model.text_model, 'text.', seed=1)
    return model


@pytest.fixture(scope='module')
def sources(trained, tmp_path_factory):
    """Write the trained model in every form that `unet` takes."""
    folder = tmp_path_factory.mktemp('dreambooth')
    save_pipeline(trained, folder / 'pipeline')
    shutil.copytree(folder / 'pipeline' / 'unet', folder / 'unet')
    trained.unet.save_pretrained(folder / 'pickled', safe_serialization=False)
    half = seed_weights(tiny_diffusion_model().unet, 'unet.', seed=1).half()
    half.save_pretrained(folder / 'half')
    state = {key: value.contiguous() for key, value in compvis_state_dict(trained).items()}
    save_file(state, folder / 'single.safetensors')
    torch.save({'state_dict': state, 'global_step': 1000}, folder / 'single.ckpt')
    return folder


@pytest.mark.parametrize(
    'name', ['unet', 'pipeline', 'pickled', 'single.safetensors', 'single.ckpt']
)
def test_only_the_unet_is_replaced(tiny_pipeline, trained, sources, name):
    model = load_diffusion_model(str(tiny_pipeline), unet=str(sources / name))
    before = tiny_diffusion_model()
    for part, expected in (('unet', trained), ('vae', before), ('text_model', before)):
        state, reference = (getattr(m, part).state_dict() for m in (model, expected))
        assert state.keys() == reference.keys()
        assert all(torch.equal(state[key], reference[key]) for key in state)


def test_half_precision_is_read_as_float32(tiny_pipeline, trained, sources):
    unet = load_diffusion_model(str(tiny_pipeline), unet=str(sources / 'half')).unet
    assert {p.dtype for p in unet.parameters()} == {torch.float32}
    weight, expected = unet.conv_in.weight, trained.unet.conv_in.weight
    torch.testing.assert_close(weight, expected, rtol=1e-3, atol=1e-3)
    assert not torch.equal(weight, expected)


def test_backbone(tiny_pipeline, sources, tmp_path):
    shutil.copytree(tiny_pipeline, tmp_path / 'expected')
    shutil.rmtree(tmp_path / 'expected' / 'unet')
    shutil.copytree(sources / 'unet', tmp_path / 'expected' / 'unet')
    features = []
    for kwargs in (
        dict(pretrained=str(tmp_path / 'expected')),
        dict(pretrained=str(tiny_pipeline), unet=str(sources / 'unet')),
        dict(pretrained=str(tiny_pipeline)),
    ):
        backbone = TADPUNetBackbone(**kwargs).eval()
        backbone.set_prompts(['a dashcam photo of a road at sks night'])
        with torch.no_grad():
            features.append(backbone(seeded_image(1, 64)))
    expected, replaced, plain = features
    for one, other, third in zip(expected, replaced, plain, strict=True):
        assert torch.equal(one, other)
        assert (one - third).abs().max() > 1e-2


def test_a_checkpoint_needs_no_unet(tiny_pipeline, sources):
    state = TADPUNetBackbone(str(tiny_pipeline), unet=str(sources / 'unet')).state_dict()
    with no_pretrained_weights():
        backbone = TADPUNetBackbone(str(tiny_pipeline), unet='gone')
    backbone.load_state_dict(state)
    assert torch.equal(backbone.unet.conv_in.weight, state['unet.conv_in.weight'])


class TestRefused:
    @pytest.mark.parametrize('unet', ['gone', './a/unet', 'a.ckpt'])
    def test_not_found(self, tiny_pipeline, unet):
        with pytest.raises(FileNotFoundError, match=f"unet='{unet}' does not exist"):
            load_diffusion_model(str(tiny_pipeline), unet=unet)

    def test_folder_of_something_else(self, tiny_pipeline, tmp_path):
        (tmp_path / 'notes.txt').touch()
        with pytest.raises(ValueError, match=r"not a U-Net of diffusers.*holds \['notes.txt'\]"):
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path))

    @pytest.mark.parametrize('missing', ['config.json', 'diffusion_pytorch_model.safetensors'])
    def test_incomplete_folder(self, tiny_pipeline, sources, tmp_path, missing):
        shutil.copytree(sources / 'unet', tmp_path / 'unet')
        (tmp_path / 'unet' / missing).unlink()
        with pytest.raises(ValueError, match='should hold config.json and diffusion_pytorch'):
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path / 'unet'))

    def test_another_architecture(self, tiny_pipeline, sources, tmp_path):
        shutil.copytree(sources / 'unet', tmp_path / 'unet')
        path = tmp_path / 'unet' / 'config.json'
        config = dict(json.loads(path.read_text()), cross_attention_dim=48, sample_size=96)
        del config['norm_num_groups']  # 16; left out means 32
        path.write_text(json.dumps(config))
        with pytest.raises(ValueError, match='another architecture') as error:
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path / 'unet'))
        message = str(error.value)
        assert f'cross_attention_dim is 48 in {path} and 32 in `pretrained`' in message
        assert 'norm_num_groups is 32' in message
        assert 'sample_size' not in message

    @pytest.mark.parametrize('change', ['missing', 'unexpected', 'shape'])
    def test_other_tensors_in_a_folder(self, tiny_pipeline, trained, tmp_path, change):
        trained.unet.save_pretrained(tmp_path)
        state = {k: v.clone() for k, v in trained.unet.state_dict().items()}
        if change == 'missing':
            del state['conv_in.bias']
        elif change == 'unexpected':
            state['lora.weight'] = torch.ones(1)
        else:
            state['conv_in.bias'] = torch.ones(7)
        save_file(state, tmp_path / 'diffusion_pytorch_model.safetensors')
        expected = dict(
            missing=r"1 missing \(e.g. \['conv_in.bias'\]\), 0 unexpected",
            unexpected=r"0 missing \(e.g. \[\]\), 1 unexpected \(e.g. \['lora.weight'\]\)",
            shape=r"1 tensors of the unet do not fit.*'conv_in.bias' is \(7,\) in the file",
        )[change]
        with pytest.raises(ValueError, match=expected) as error:
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path))
        assert f"unet='{tmp_path}'" in str(error.value)

    @pytest.mark.parametrize('change', ['missing', 'unexpected'])
    def test_other_tensors_in_a_file(self, tiny_pipeline, sources, tmp_path, change):
        state = torch.load(sources / 'single.ckpt', weights_only=True)['state_dict']
        if change == 'missing':
            del state['model.diffusion_model.input_blocks.0.0.bias']
        else:
            state['model.diffusion_model.control.weight'] = torch.ones(1)
        torch.save(state, tmp_path / 'other.ckpt')
        expected = 'conv_in.bias' if change == 'missing' else r'1 unexpected.*control.weight'
        with pytest.raises(ValueError, match=f"unet='{tmp_path}/other.ckpt'.*{expected}"):
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path / 'other.ckpt'))

    def test_a_file_of_diffusers(self, tiny_pipeline, sources):
        path = sources / 'unet' / 'diffusion_pytorch_model.safetensors'
        with pytest.raises(ValueError, match='no unet in CompVis.*U-Net of diffusers. Give its'):
            load_diffusion_model(str(tiny_pipeline), unet=str(path))

    def test_other_suffix(self, tiny_pipeline, tmp_path):
        (tmp_path / 'unet.onnx').touch()
        with pytest.raises(ValueError, match='unet.onnx. is empty'):
            load_diffusion_model(str(tiny_pipeline), unet=str(tmp_path / 'unet.onnx'))

    @pytest.mark.parametrize('name', ['unsafe.ckpt', 'diffusion_pytorch_model.bin'])
    def test_code_is_not_executed(self, tiny_pipeline, tmp_path, name):
        class Payload:
            def __reduce__(self):
                return (tmp_path.joinpath('executed').touch, ())

        torch.save({'state_dict': {}, 'callbacks': Payload()}, tmp_path / name)
        shutil.copy(tiny_pipeline / 'unet' / 'config.json', tmp_path)
        source = tmp_path / name if name.endswith('ckpt') else tmp_path
        with pytest.raises(ValueError, match="unet='.*never executes code"):
            load_diffusion_model(str(tiny_pipeline), unet=str(source))
        assert not (tmp_path / 'executed').exists()
