"""Checkpoints of runs that cannot be used: damaged, malicious, incomplete, of another model."""

import os

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner

from mmtadp.apis import init_model
from mmtadp.models.checkpoint_meta import META_KEY, describe_model
from tests.utils.tiny_runs import tiny_config

HEAD = 'decode_head.conv_seg.weight'
NORM = 'decode_head.scale_heads.0.0.bn.running_var'


@pytest.fixture(scope='module')
def config(tiny_pipeline, tiny_images, tmp_path_factory):
    """A config that tests the checkpoint of :func:`good`."""
    return tiny_config(tiny_pipeline, tiny_images, tmp_path_factory.mktemp('work_dir'))


@pytest.fixture(scope='module')
def good(config):
    """The content of a checkpoint that fits the config."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model)
    meta = {META_KEY: describe_model(model), 'epoch': 0, 'iter': 2}
    return dict(state_dict=model.state_dict(), meta=meta, message_hub={})


@pytest.fixture
def write(good, tmp_path):
    """Return a function that writes a checkpoint and returns its path."""

    def run(content):
        path = tmp_path / 'bad.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
            return path
        if callable(content):
            copy = {k: dict(v) if isinstance(v, dict) else v for k, v in good.items()}
            content = content(copy) or copy
        torch.save(content, path)
        return path

    return run


class Payload:
    """A pickle of it creates the folder `executed`."""

    def __reduce__(self):
        return (os.mkdir, ('executed',))


def drop(*keys):
    return lambda c: [c['state_dict'].pop(key) for key in keys] and None


def put(key, value):
    return lambda c: c['state_dict'].update({key: value})


def describe(name, value):
    def change(content):
        (description,) = content['meta'][META_KEY]
        parts = name.split('.')
        if len(parts) == 2:
            value_ = {parts[0]: {**description[parts[0]], parts[1]: value}}
        else:
            value_ = {name: value}
        content['meta'][META_KEY] = [{**description, **value_}]

    return change


TOKEN = dict(name='<night>', vectors=1, digest='0123456789abcdef')
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:1d6e\nsize 3438167534\n'
# Content, and what the message must name.
CHECKPOINTS = {
    'empty': (b'', ['empty (0 bytes)']),
    'Git LFS pointer': (POINTER, ['Git LFS pointer', 'git lfs pull']),
    'web page': (b'<!DOCTYPE html><html>', ['web page']),
    'error message': (b'{"error": "gone"}', ['JSON']),
    'image': (b'\x89PNG\r\n\x1a\n' + bytes(90), ['PNG image']),
    'half written': (b'PK\x03\x04' + bytes(900), ['truncated']),
    'zero bytes': (bytes(4000), ['zero bytes']),
    'code': (dict(state_dict={}, hook=Payload()), ['mkdir', 'never executes']),
    'a list': ([1, 2], ['holds a list, not a checkpoint']),
    'a tensor': (torch.zeros(2), ['holds a Tensor, not a checkpoint']),
    'nothing': ({}, ['no weights', 'an empty one']),
    'damaged tokens': (describe('prompt.learned_tokens', [3]), ["meta['mmtadp'] is"]),
    'weights under another name': (
        dict(model=dict(a=torch.zeros(1))),
        ["'state_dict'", "'model'"],
    ),
    'meta is None': (lambda c: c.update(meta=None), ['its meta is None']),
    'meta is text': (lambda c: c.update(meta='x'), ["its meta is 'x'"]),
    'no head': (drop(HEAD), ['it lacks 1 of', HEAD, 'load_from=']),
    'no statistics': (drop(NORM), ['it lacks 1 of', NORM]),
    'other classes': (put(HEAD, torch.zeros(150, 8, 1, 1)), [HEAD, '(150, 8, 1, 1)', '(3, 8']),
    'another neck': (put('neck.extra.weight', torch.zeros(1)), ['no place', 'neck.extra.weight']),
    'NaN': (put(HEAD, torch.full((3, 8, 1, 1), float('nan'))), [HEAD, 'NaN']),
    'infinity': (put(NORM, torch.full((8,), float('inf'))), [NORM, 'infinity']),
    'another prompt': (
        describe('prompt.type', 'NullTextPrompt'),
        ['prompt.type', "'NullTextPrompt'", "'CaptionPrompt'", 'check_checkpoint=False'],
    ),
    'text adapter': (describe('prompt.text_adapter', True), ['prompt.text_adapter is True']),
    'no latent scaling': (describe('latent_scaling', False), ['latent_scaling is False', '0.18']),
    'another timestep': (describe('timestep', 0), ['timestep is 0', 'and 1 in this config']),
    'other images': (
        describe('normalisation.mean', [123.675, 116.28, 103.53]),
        ['normalisation.mean', '123.675', '127.5'],
    ),
    'a token that is missing': (
        describe('prompt.learned_tokens', [TOKEN]),
        ["'<night>'", 'learned_embeds'],
    ),
}


@pytest.mark.parametrize('case', CHECKPOINTS)
def test_init_model(config, write, call, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, names = CHECKPOINTS[case]
    path = write(content)
    call(lambda: init_model(config, path)).check(2, [path, *names])
    assert not (tmp_path / 'executed').exists()


ARGUMENTS = {
    'no such checkpoint': (
        dict(checkpoint='runs/iter_4.pth'),
        ['runs/iter_4.pth', 'does not exist', 'iter_2.pth'],
    ),
    'a folder': (dict(checkpoint='runs'), ['runs is a folder', 'iter_2.pth']),
    'no such config': (dict(config='my_streats.py'), ['my_streats.py', 'my_streets.py']),
    'a GPU that is not there': (dict(device='cuda:99'), ["device='cuda:99'", "'cpu'"]),
    'not a device': (dict(device='gpu'), ["device='gpu'", "'cuda'"]),
    'a number as device': (dict(device=None), ["device='None'"]),
}


@pytest.mark.parametrize('case', ARGUMENTS)
def test_arguments_before_the_model_is_built(
    config, call, small_file, case, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MODELS, 'build', None)
    small_file('runs/iter_2.pth')
    small_file('my_streets.py')
    arguments, names = ARGUMENTS[case]
    call(lambda: init_model(**{'config': config, **arguments})).check(2, names)


def test_a_pretrained_model_that_is_gone(config, write, call, tmp_path):
    """A checkpoint holds its weights; its configs and its tokenizer are needed still."""
    path = write(lambda c: None)
    gone = config.copy()
    gone.model = dict(gone.model, backbone=dict(gone.model.backbone, pretrained='/gone'))
    names = ["pretrained='/gone'", 'configs and its tokenizer', 'pretrained=None', 'architecture=']
    call(lambda: init_model(gone, path)).check(2, names)


class TestCodeInACheckpoint:
    """Nothing runs it, neither a tool nor the stock runner, with torch's unsafe switch set."""

    @pytest.fixture
    def malicious(self, write, tmp_path, monkeypatch):
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        monkeypatch.chdir(tmp_path)
        path = write(lambda c: c.update(hook=Payload()))
        yield path
        assert not (tmp_path / 'executed').exists()

    @pytest.fixture
    def config_file(self, config, tmp_path):
        config.dump(tmp_path / 'config.py')
        return tmp_path / 'config.py'

    def test_test(self, tool, config_file, malicious):
        tool('test.py', config_file, malicious).check(2, [malicious, 'mkdir'])

    def test_resume(self, tool, config_file, malicious):
        outcome = tool('train.py', config_file, '--work-dir', 'new', '--resume', malicious)
        outcome.check(2, [malicious, 'mkdir'])

    def test_load_from(self, tool, config_file, malicious):
        options = ('--work-dir', 'new', '--cfg-options', f'load_from={malicious}')
        tool('train.py', config_file, *options).check(2, [malicious, 'mkdir'])

    def test_attention(self, tool, config_file, malicious, tiny_images):
        image = tiny_images / 'images' / 'validation' / 'validation_0.png'
        arguments = (config_file, image, '--caption', 'a cat', '--checkpoint', malicious)
        tool('analysis_tools/visualize_attention.py', *arguments).check(2, [malicious, 'mkdir'])

    def test_stock_runner(self, call, config, malicious, tmp_path):
        cfg = config.copy()
        cfg.load_from, cfg.work_dir = str(malicious), str(tmp_path)
        cfg.experiment_name = cfg.visualizer.name = str(tmp_path).replace('/', '_')
        call(lambda: Runner.from_cfg(cfg).test()).check(2, [malicious, 'mkdir'])


def test_the_way_out_for_another_prompt(tool, config, write, tmp_path):
    """On the command line as well."""
    config.dump(tmp_path / 'config.py')
    path = write(describe('timestep', 0))
    arguments = ('test.py', tmp_path / 'config.py', path, '--work-dir', 'tested')
    tool(*arguments).check(2, [path, 'timestep is 0'])
    tool(*arguments, '--cfg-options', 'custom_hooks.0.check_checkpoint=False').check(0, ['mIoU'])
