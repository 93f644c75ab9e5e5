"""A U-Net in the place of ``backbone.unet`` is the one that runs and is recorded."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from tests.test_models.test_backbones.test_tadp_unet import build, image
from tests.utils.tiny_model import UNET


class Wrapper(nn.Module):
    """As those of LoRA, FSDP or a profiler."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet
        self.calls = 0

    def forward(self, *args, **kwargs):
        self.calls += 1
        return self.unet(*args, **kwargs)


@pytest.fixture
def backbone(tiny_pipeline):
    return build(tiny_pipeline).eval()


def run(backbone):
    with torch.no_grad():
        return backbone(image(64, 64), ['a cat'])


def close(features, others):
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(features, others))


def test_wrappers(backbone):
    expected = run(backbone)
    backbone.unet = Wrapper(Wrapper(backbone.unet))
    assert close(run(backbone), expected)
    assert (backbone.unet.calls, backbone.unet.unet.calls) == (1, 1)
    assert 'unet.unet.unet.conv_in.weight' in backbone.state_dict()


def test_compiled(backbone):
    expected = run(backbone)
    backbone.unet = torch.compile(backbone.unet, backend='eager')
    assert close(run(backbone), expected)
    assert close(run(backbone), expected)


def test_lora(backbone):
    peft = pytest.importorskip('peft')
    expected = run(backbone)
    config = peft.LoraConfig(r=2, target_modules=['to_q', 'to_v'], init_lora_weights=False)
    backbone.unet = peft.get_peft_model(backbone.unet, config)
    changed = run(backbone)
    assert not close(changed, expected)
    with backbone.unet.disable_adapter():
        assert close(run(backbone), expected)
    sum(f.mean() for f in backbone(image(64, 64), ['a cat'])).backward()
    trained = [n for n, p in backbone.unet.named_parameters() if p.grad is not None]
    assert trained and all('lora' in name for name in trained)


def test_another_unet_of_the_same_architecture(backbone, tiny_pipeline):
    expected = run(backbone)
    torch.manual_seed(0)
    other = UNet2DConditionModel(**UNET).eval()
    backbone.unet = other
    changed = run(backbone)
    assert not close(changed, expected)
    assert [f.shape for f in changed] == [f.shape for f in expected]
    reference = build(tiny_pipeline).eval()
    reference.unet.load_state_dict(other.state_dict())
    assert close(run(reference), changed)


def test_a_copy_of_another_backbone_s(backbone, tiny_pipeline):
    expected = run(backbone)
    other = build(tiny_pipeline).eval()
    other.unet = copy.deepcopy(backbone.unet)
    assert close(run(other), expected)
    # Shared by two.
    other.unet = backbone.unet
    assert close(run(other), expected) and close(run(backbone), expected)


def test_another_architecture_is_refused(backbone):
    sizes = dict(UNET, block_out_channels=(32, 64, 64, 64))
    backbone.unet = UNet2DConditionModel(**sizes)
    for _ in range(2):
        with pytest.raises(ValueError, match=r'another architecture.*\[32, 64, 64, 64\]'):
            run(backbone)
    backbone.unet = nn.Conv2d(4, 4, 1)
    with pytest.raises(ValueError, match='must be a diffusers UNet2DConditionModel.*Conv2d'):
        run(backbone)


def test_other_attention_processors_are_refused(backbone):
    backbone.unet.set_attn_processor(AttnProcessor())
    with pytest.raises(ValueError, match='0 of 10 cross-attention layers recorded'):
        run(backbone)


def test_removed_hooks_are_refused(backbone):
    for module in backbone.unet.modules():
        module._forward_hooks.clear()
    with pytest.raises(ValueError, match='0 of 3 layers recorded'):
        run(backbone)
