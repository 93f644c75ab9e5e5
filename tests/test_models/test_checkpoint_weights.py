"""Checkpoints against models: the whole model, finite weights, and prompts that change."""

import copy
from contextlib import nullcontext

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODELS, DefaultScope
from safetensors.torch import save_file
from torch import nn

from mmtadp.models import checkpoint_weights, no_pretrained_weights
from mmtadp.models.checkpoint_meta import META_KEY, describe_model
from mmtadp.models.checkpoint_weights import check_resumable, fit_checkpoint
from mmtadp.utils.errors import RunError
from tests.utils.seeded_weights import seeded_values
from tests.utils.tiny_model import OUT_CHANNELS, WIDTH
from tests.utils.tiny_runs import tiny_config

CAPTION = dict(type='CaptionPrompt')
NULL = dict(type='NullTextPrompt')
HEAD = 'decode_head.conv_seg.weight'
UNET = 'backbone.unet.conv_in.weight'
SOURCE = 'the checkpoint run/iter_2.pth'


@pytest.fixture(scope='module')
def build(tiny_pipeline, tiny_images, tmp_path_factory):
    """Return a function that builds a segmentor with a prompt and other weights than before."""
    token = tmp_path_factory.mktemp('token') / 'night.safetensors'
    save_file({'<night>': torch.from_numpy(seeded_values('night', (2, WIDTH)))}, token)

    def run(prompt=CAPTION, num_tokens=77, **options):
        prompt = dict(prompt)
        if prompt.pop('token', False):
            prompt['learned_embeds'] = str(token)
        extra = num_tokens - 77
        channels = [32, OUT_CHANNELS[1] + extra, OUT_CHANNELS[2] + extra, 64]
        config = tiny_config(
            tiny_pipeline, tiny_images, token.parent, model__neck__in_channels=channels, **options
        )
        config.model.backbone.prompt = prompt
        with DefaultScope.overwrite_default_scope('mmseg'):
            return MODELS.build(config.model).eval()

    return run


@pytest.fixture(scope='module')
def model(build):
    """A segmentor with captions; read it, do not change it."""
    return build()


def checkpoint_of(model: nn.Module) -> dict:
    state = {key: value.clone() for key, value in model.state_dict().items()}
    return dict(state_dict=state, meta={META_KEY: describe_model(model)})


@pytest.fixture
def checkpoint(model):
    return checkpoint_of(model)


@pytest.fixture
def said(monkeypatch):
    """What is logged."""
    lines = []
    monkeypatch.setattr(
        checkpoint_weights, 'print_log', lambda message, **kwargs: lines.append(message)
    )
    return lines


def nan_at(key, value=float('nan')):
    return lambda c: c['state_dict'][key].view(-1)[:1].fill_(value)


REFUSED = {
    'no head': (
        lambda c: c['state_dict'].pop(HEAD),
        ['it lacks 1 of', HEAD, 'Use the config', 'load_from='],
    ),
    'no neck and head': (
        lambda c: [c['state_dict'].pop(k) for k in list(c['state_dict']) if 'backbone' not in k],
        ['it lacks', 'neck.'],
    ),
    'head of other classes': (
        lambda c: c['state_dict'].update({HEAD: torch.zeros(150, 8, 1, 1)}),
        [HEAD, '(150, 8, 1, 1)', '(3, 8, 1, 1)'],
    ),
    'a neck with more layers': (
        lambda c: c['state_dict'].update({'neck.lateral_convs.0.bn.weight': torch.zeros(8)}),
        ['no place for 1 of its tensors', 'neck.lateral_convs.0.bn.weight'],
    ),
    'NaN in the head': (nan_at(HEAD), [HEAD, 'NaN', '1 of', 'earlier checkpoint']),
    'infinity in the U-Net': (nan_at(UNET, float('inf')), [UNET, 'infinity']),
    'NaN in statistics': (nan_at('decode_head.scale_heads.0.0.bn.running_var'), ['running_var']),
    'no U-Net': (
        lambda c: [c['state_dict'].pop(k) for k in list(c['state_dict']) if '.unet.' in k],
        ['it lacks', 'backbone.unet.'],
    ),
    'meta is a list': (lambda c: c.update(meta=[1]), ['its meta is [1], not a dict']),
    'meta is None': (lambda c: c.update(meta=None), ['its meta is None, not a dict']),
    'no weights': (lambda c: c.update(state_dict={}), ['no weights', 'an empty one']),
    'no head in the average': (
        lambda c: c.update(
            ema_state_dict={f'module.{k}': v for k, v in c['state_dict'].items() if k != HEAD}
        ),
        ['it lacks 1 of', HEAD],
    ),
    'numbers as names': (lambda c: c['state_dict'].update({3: torch.zeros(1)}), ['3: Tensor']),
    'a number as weights': (lambda c: c['state_dict'].update({HEAD: 1}), [f"'{HEAD}': int"]),
    'weights of weights': (
        lambda c: c.update(state_dict=dict(model=c['state_dict'])),
        ["no weights: expected an entry 'state_dict'", "'model'"],
    ),
    'weights are a list': (lambda c: c.update(state_dict=[1, 2]), ['found [1, 2]']),
    'damaged description': (
        lambda c: c['meta'].update({META_KEY: 'x'}),
        ["meta['mmtadp'] is 'x'"],
    ),
    'two backbones': (
        lambda c: c['meta'][META_KEY].append(c['meta'][META_KEY][0]),
        ['2 backbones'],
    ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_refused(model, checkpoint, case):
    change, names = REFUSED[case]
    change(checkpoint)
    with pytest.raises(RunError) as error:
        fit_checkpoint(model, checkpoint, SOURCE)
    assert [name for name in (SOURCE, *names) if name not in str(error.value)] == []


def test_a_list_is_refused(model):
    with pytest.raises(RunError, match=f'{SOURCE} holds a list, not a checkpoint'):
        fit_checkpoint(model, [1, 2], SOURCE)


def test_what_a_part_more_is_is_logged(model, checkpoint, said):
    checkpoint['state_dict']['auxiliary_head.conv_seg.weight'] = torch.zeros(1)
    fit_checkpoint(model, checkpoint, SOURCE)
    (line,) = said
    assert 'no place for 1 of its tensors (auxiliary_head.conv_seg.weight)' in line


def test_what_a_whole_one_says(model, checkpoint, said):
    fit_checkpoint(model, checkpoint, SOURCE)
    assert said == []


def test_numbers_of_batches_may_be_missing(model, checkpoint, said):
    counts = [key for key in checkpoint['state_dict'] if 'num_batches_tracked' in key]
    for key in counts:
        del checkpoint['state_dict'][key]
    fit_checkpoint(model, checkpoint, SOURCE)
    assert counts and said == []


def test_extra_states_may_be_anything(build):
    model = build()
    type(model.decode_head).get_extra_state = lambda self: dict(version=1)
    try:
        checkpoint = dict(state_dict=model.state_dict(), meta={})
        assert checkpoint['state_dict']['decode_head._extra_state'] == dict(version=1)
        fit_checkpoint(model, checkpoint, SOURCE)
    finally:
        del type(model.decode_head).get_extra_state


def test_a_buffer_may_be_infinite(build):
    model = build()
    model.decode_head.register_buffer('mask', torch.tensor([0.0, -float('inf')]))
    fit_checkpoint(model, checkpoint_of(model), SOURCE)
    checkpoint = checkpoint_of(model)
    nan_at(HEAD)(checkpoint)
    with pytest.raises(RunError, match=HEAD):
        fit_checkpoint(model, checkpoint, SOURCE)


def test_fine_tuning_takes_what_fits(model, checkpoint, said):
    state = checkpoint['state_dict']
    state[HEAD] = torch.zeros(150, 8, 1, 1)
    del state['neck.fpn_convs.0.conv.weight']
    state['auxiliary_head.conv_seg.weight'] = torch.zeros(1)
    fit_checkpoint(model, checkpoint, SOURCE, whole=False)
    (line,) = said
    for name in (SOURCE, HEAD, '(150, 8, 1, 1)', 'neck.fpn_convs.0', 'auxiliary_head'):
        assert name in line


def test_fine_tuning_from_another_model_is_refused(model):
    weights = {'layer1.0.conv1.weight': torch.zeros(1), 'fc.bias': torch.zeros(1)}
    with pytest.raises(RunError, match=r"of another model.*'layer1.0.conv1.weight'.*'backbone\."):
        fit_checkpoint(model, dict(state_dict=weights), SOURCE, whole=False)


class Wrapped(MMDistributedDataParallel):
    """As in a run on several GPUs, without one."""

    def __init__(self, module):
        nn.Module.__init__(self)
        self.module = module


def test_wrappers(model, checkpoint):
    """Weights of a bare and of a wrapped model fit a bare, a wrapped and an augmented one."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        tta = MODELS.build(dict(type='SegTTAModel', module=model))
    keys = checkpoint['state_dict'].keys()
    for other in (model, Wrapped(model), tta, Wrapped(tta)):
        for prefix in ('', 'module.'):
            state = {prefix + key: value for key, value in checkpoint['state_dict'].items()}
            content = dict(checkpoint, state_dict=state)
            fit_checkpoint(other, content, SOURCE)
            assert content['state_dict'].keys() == keys
    assert describe_model(Wrapped(tta)) == describe_model(model)


def test_weights_without_anything_else(model, checkpoint):
    content = checkpoint['state_dict']
    keys = set(content)
    fit_checkpoint(model, content, SOURCE)
    assert content.keys() == {'state_dict', 'meta'} and content['state_dict'].keys() == keys
    with pytest.raises(
        RunError, match='cannot be resumed: it has no epoch, iter, message_hub, opt'
    ):
        check_resumable(content, SOURCE)
    content.update(meta=dict(epoch=0, iter=1), message_hub={}, optimizer={})
    check_resumable(content, SOURCE)


# Of the prompt: before, after, and what is logged with check_checkpoint=False.
TA = dict(text_adapter=dict())
CHANGES = {
    'caption to empty caption': (CAPTION, NULL, ['left out', 'prompt.text_encoder (36', 'kept']),
    'empty caption to caption': (NULL, CAPTION, ['kept', 'prompt.text_encoder (36 tensors)']),
    'text adapter added': (
        CAPTION,
        dict(CAPTION, **TA),
        ['untrained', 'text_adapter (5 tensors)'],
    ),
    'text adapter removed': (dict(CAPTION, **TA), CAPTION, ['left out', 'text_adapter (5']),
    'token removed': (dict(CAPTION, token=True), CAPTION, ["has '<night>'"]),
    'another fixed prompt': (
        NULL,
        dict(type='ClassNamesPrompt', class_names=['cat', 'dog', 'car']),
        ['kept', 'backbone.prompt.embeddings (1 tensor)'],
    ),
    'adapter stays': (
        dict(CAPTION, **TA),
        dict(NULL, **TA),
        ['left out', 'kept', 'prompt.embeddings'],
    ),
}


def prompt_of(model):
    samples = [dict(caption='a <night> photo of a cat')]
    with torch.no_grad():
        return model.backbone.prompt(samples, 1)


@pytest.mark.parametrize('has_description', [True, False])
@pytest.mark.parametrize('case', CHANGES)
def test_the_prompt_changes_on_purpose(build, said, case, has_description):
    before, after, names = CHANGES[case]
    trained, model = build(before), build(after)
    if trained.backbone.prompt.text_adapter is not None:
        nn.init.constant_(trained.backbone.prompt.text_adapter.gamma, 0.5)
    own = prompt_of(model)
    checkpoint = checkpoint_of(trained)
    checkpoint['state_dict'][UNET] += 1
    # Of fixed prompts of one size, only the description tells which one it is.
    if not has_description and case != 'another fixed prompt':
        checkpoint['meta'].clear()
        names = [name for name in names if '<night>' not in name]
    elif has_description:
        with pytest.raises(RunError, match='check_checkpoint=False'):
            fit_checkpoint(model, copy.deepcopy(checkpoint), SOURCE)
    fit_checkpoint(model, checkpoint, SOURCE, check=False)
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    assert [name for name in names if name not in '\n'.join(said)] == []
    assert torch.equal(
        model.backbone.unet.conv_in.weight, trained.backbone.unet.conv_in.weight + 1
    )
    if case == 'adapter stays':
        adapter = model.backbone.prompt.text_adapter
        assert torch.equal(adapter.gamma, trained.backbone.prompt.text_adapter.gamma)
    else:
        torch.testing.assert_close(prompt_of(model), own)


def test_a_token_may_be_added_for_testing(build, said):
    """As published for detection: the token is used at test time only."""
    trained, model = build(CAPTION), build(dict(CAPTION, token=True))
    own = prompt_of(model).clone()
    checkpoint = checkpoint_of(trained)
    with no_pretrained_weights():
        empty = build(dict(CAPTION, token=True))
    fit_checkpoint(empty, checkpoint, SOURCE)
    empty.load_state_dict(checkpoint['state_dict'])
    torch.testing.assert_close(prompt_of(empty), own)
    (line,) = said
    assert "the learned token '<night>' was not there in training" in line


def test_other_classes_for_fine_tuning(build, said):
    def classes(names):
        prompt = dict(type='AverageEOSPrompt', class_names=names, text_adapter=dict())
        return build(prompt, len(names))

    trained, model = classes(['cat', 'dog']), classes(['cat', 'dog', 'car'])
    own = model.backbone.prompt.embeddings.clone()
    checkpoint = checkpoint_of(trained)
    with pytest.raises(RunError, match='class_names'):
        fit_checkpoint(model, copy.deepcopy(checkpoint), SOURCE, whole=False)
    fit_checkpoint(model, checkpoint, SOURCE, whole=False, check=False)
    assert torch.equal(checkpoint['state_dict']['backbone.prompt.embeddings'], own)
    assert 'neck.lateral_convs.1.conv.weight is (8, 34, 1, 1)' in '\n'.join(said)


def test_a_change_needs_the_pretrained_weights(build):
    checkpoint = checkpoint_of(build(NULL))
    with no_pretrained_weights():
        model = build(CAPTION)
    with pytest.raises(RunError, match='needs the pretrained weights'):
        fit_checkpoint(model, checkpoint, SOURCE, check=False)


def test_weights_of_an_average_change_too(build, said):
    trained, model = build(CAPTION), build(NULL)
    checkpoint = checkpoint_of(trained)
    averaged = {f'module.{k}': v.clone() for k, v in checkpoint['state_dict'].items()}
    checkpoint['ema_state_dict'] = dict(averaged, steps=torch.tensor(3))
    fit_checkpoint(model, checkpoint, SOURCE, check=False)
    keys = {f'module.{key}' for key in model.state_dict()} | {'steps'}
    assert checkpoint['ema_state_dict'].keys() == keys
    checkpoint['ema_state_dict'][f'module.{UNET}'].view(-1)[0] = float('nan')
    with pytest.raises(RunError, match=UNET):
        fit_checkpoint(model, checkpoint, SOURCE, check=False)


@pytest.mark.parametrize('skip', [False, True])
def test_other_embeddings_are_told(build, said, tmp_path, skip):
    """Those of the checkpoint are used, as it was trained with them."""
    prompt = dict(type='AverageEOSPrompt', class_names=['cat', 'dog'])
    torch.save(torch.ones(2, WIDTH), tmp_path / 'one.pth')
    torch.save(torch.ones(2, WIDTH) * 2, tmp_path / 'other.pth')
    trained = build(dict(prompt, embeddings=str(tmp_path / 'one.pth')), 2)
    for file, number in (('one.pth', 0), ('other.pth', 1), ('gone.pth', 0)):
        if file == 'gone.pth' and not skip:
            continue
        with no_pretrained_weights() if skip else nullcontext():
            model = build(dict(prompt, embeddings=str(tmp_path / file)), 2)
        checkpoint = checkpoint_of(trained)
        fit_checkpoint(model, checkpoint, SOURCE)
        assert len(said) == number
        model.load_state_dict(checkpoint['state_dict'])
        assert torch.equal(model.backbone.prompt.embeddings, torch.ones(2, WIDTH))
        if number:
            assert 'its backbone.prompt.embeddings (1 tensor) differ from' in said.pop()


def test_another_text_encoder_is_told(build, said):
    trained, model = build(), build()
    checkpoint = checkpoint_of(trained)
    key = 'backbone.prompt.text_encoder.model.final_layer_norm.weight'
    checkpoint['state_dict'][key] += 1
    fit_checkpoint(model, checkpoint, SOURCE)
    (line,) = said
    assert 'its backbone.prompt.text_encoder (1 tensor) differ from' in line
