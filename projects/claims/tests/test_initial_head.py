from functools import partial

import pytest
import torch
from mmengine.registry import DefaultScope

from mmtadp.models import no_pretrained_weights
from mmtadp.registry import MODELS
from projects.claims.runs.claims_settings import DEFAULT_DATA
from projects.claims.runs.configuration import experiment, replace_prefix
from projects.claims.runs.initial_head import InitialHeadHook, initial_head
from projects.claims.runs.run_plan import Run


class Runner:
    """As much of a runner as the hook looks at."""

    def __init__(self, model):
        self.model = model


def build(settings, config: str, seed: int, draws: int = 0):
    """A model of a config before training, and the hook's part of that."""
    cfg = experiment(Run(config, seed), settings).to_dict()
    cfg = replace_prefix(cfg, DEFAULT_DATA, settings.data)
    torch.manual_seed(seed)
    torch.rand(draws)
    with no_pretrained_weights(), DefaultScope.overwrite_default_scope(cfg['default_scope']):
        model = MODELS.build(cfg['model'])
    hook = cfg['custom_hooks'][-1]
    own = {k: v.clone() for k, v in model.state_dict().items()}
    InitialHeadHook(hook['config'], hook['seed']).before_train(Runner(model))
    return model, own


def head_of(model) -> dict:
    return {k: v for k, v in model.state_dict().items() if not k.startswith('backbone.')}


def test_variants_start_from_the_same_head(settings):
    captions, own = build(settings, 'tadp_shapescenes', 0)
    after = torch.rand(1)
    null, _ = build(settings, 'null_shapescenes', 0, draws=7)
    assert torch.equal(after, torch.rand(1))  # the seed is set again
    head = head_of(captions)
    assert len(head) > 20 and head.keys() == head_of(null).keys()
    assert all(torch.equal(v, head_of(null)[k]) for k, v in head.items())
    # The hook copies; weights of the U-Net stay.
    assert not torch.equal(head['decode_head.conv_seg.weight'], own['decode_head.conv_seg.weight'])
    assert torch.equal(
        captions.state_dict()['backbone.unet.conv_in.weight'], own['backbone.unet.conv_in.weight']
    )
    other, _ = build(settings, 'tadp_shapescenes', 1)
    assert not torch.equal(
        head_of(other)['decode_head.conv_seg.weight'], head['decode_head.conv_seg.weight']
    )


@pytest.mark.parametrize('config', ('class_embeddings_shapescenes', 'average_eos_shapescenes'))
def test_other_numbers_of_attention_maps(settings, config):
    captions, _ = build(settings, 'tadp_shapescenes', 0)
    other, own = build(settings, config, 0)
    head, found = head_of(captions), head_of(other)
    different = [k for k in head if head[k].shape != found[k].shape]
    assert different == [f'neck.lateral_convs.{i}.conv.weight' for i in (1, 2)]
    features = 96
    for name in different:
        weight = found[name]
        assert weight.shape[1] == features + 25 and head[name].shape[1] == features + 77
        assert torch.equal(weight[:, :features], head[name][:, :features])
        assert torch.equal(weight[:, features:], own[name][:, features:])
        assert weight[:, features:].std() > 0
    assert all(torch.equal(head[k], found[k]) for k in head if k not in different)


def test_other_heads_are_refused(settings):
    make = partial(experiment, settings=settings)
    base = make(Run('tadp_shapescenes', 0)).custom_hooks[-1].config.to_dict()
    base = replace_prefix(base, DEFAULT_DATA, settings.data)
    model, _ = build(settings, 'tadp_shapescenes', 0)
    base['model']['decode_head']['channels'] = 32
    with pytest.raises(ValueError, match='attention maps'):
        InitialHeadHook(base, 0).before_train(Runner(model))
    del base['model']['neck']
    base['model']['decode_head']['in_channels'] = [48, 173, 173, 96]
    with pytest.raises(ValueError, match='neck'):
        InitialHeadHook(base, 0).before_train(Runner(model))


def test_drawing_a_head_leaves_the_state_of_draws(settings):
    cfg = replace_prefix(
        experiment(Run('tadp_shapescenes', 0), settings).to_dict(), DEFAULT_DATA, settings.data
    )
    state = torch.random.get_rng_state()
    base = cfg['custom_hooks'][-1]['config']
    hook = InitialHeadHook(base, 0)
    first, second = (initial_head(hook.config, 0) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(first[k], second[k]) for k in first)
