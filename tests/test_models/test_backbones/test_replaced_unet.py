"""A U-Net in the place of ``backbone.unet`` is the one that runs and is recorded."""

import copy

import pytest
import torch
import torch.distributed as dist
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

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


class LowRank(nn.Module):
    """A linear layer with a trained correction of rank 2, as LoRA's."""

    def __init__(self, base):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, 2, bias=False)
        self.up = nn.Linear(2, base.out_features, bias=False)
        self.scale = 1.0

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


def test_lora(backbone):
    expected = run(backbone)
    backbone.unet.requires_grad_(False)
    torch.manual_seed(0)
    for module in list(backbone.unet.modules()):
        if isinstance(module, Attention):
            module.to_q, module.to_v = LowRank(module.to_q), LowRank(module.to_v)
    backbone.unet = Wrapper(backbone.unet)
    assert not close(run(backbone), expected)
    sum(f.mean() for f in backbone(image(64, 64), ['a cat'])).backward()
    trained = [name for name, p in backbone.unet.named_parameters() if p.grad is not None]
    assert len(trained) == 2 * 2 * 32 and all('up' in n or 'down' in n for n in trained)
    for module in backbone.unet.modules():
        if isinstance(module, LowRank):
            module.scale = 0.0
    assert close(run(backbone), expected)


def test_fully_sharded(backbone):
    expected = run(backbone)
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    try:
        fully_shard(backbone.unet, mesh=init_device_mesh('cpu', (1,)))
        assert close(run(backbone), expected)
    finally:
        dist.destroy_process_group()


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
