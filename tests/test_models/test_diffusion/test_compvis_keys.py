import pytest
import torch

from mmtadp.models.diffusion import load_diffusion_model, no_pretrained_weights
from mmtadp.models.diffusion.compvis_keys import fit_pointwise, text_keys, unet_keys, vae_keys


def test_names_at_full_size():
    with torch.device('meta'), no_pretrained_weights():
        model = load_diffusion_model(None)
    unet = unet_keys(model.unet.state_dict())
    assert len(set(unet.values())) == 686
    last = 'output_blocks.11.1.transformer_blocks.0.attn2.to_k.weight'
    assert unet['up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_k.weight'] == last
    assert unet['up_blocks.0.upsamplers.0.conv.bias'] == 'output_blocks.2.1.conv.bias'
    assert unet['up_blocks.1.upsamplers.0.conv.bias'] == 'output_blocks.5.2.conv.bias'
    vae = vae_keys(model.vae.state_dict())
    assert len(set(vae.values())) == 248
    assert vae['decoder.up_blocks.0.resnets.2.norm1.bias'] == 'decoder.up.3.block.2.norm1.bias'
    assert len(text_keys(model.text_model.state_dict())) == 196


def test_encoder_alone_has_the_names_that_it_has_in_the_whole():
    with torch.device('meta'), no_pretrained_weights():
        keys = list(load_diffusion_model(None).vae.state_dict())
    encoder = [key for key in keys if key.startswith('encoder.')]
    assert vae_keys(encoder) == {key: vae_keys(keys)[key] for key in encoder}


@pytest.mark.parametrize(
    'key', ['add_embedding.linear_1.weight', 'down_blocks.0.motion_modules.0.x']
)
def test_what_compvis_lacks(key):
    with pytest.raises(ValueError, match=f"'{key}' has no name in the CompVis layout"):
        unet_keys([key])


def test_pointwise_convolutions():
    kernel = torch.rand(3, 2, 1, 1)
    assert fit_pointwise(kernel, 2).shape == (3, 2)
    assert torch.equal(fit_pointwise(kernel[..., 0, 0], 4), kernel)
    assert fit_pointwise(torch.rand(3, 2, 3, 3), 2).shape == (3, 2, 3, 3)
