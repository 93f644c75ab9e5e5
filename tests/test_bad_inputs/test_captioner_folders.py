"""Captioning models whose folders are older, incomplete, damaged, or not there."""

import json
import os
import shutil
import time

import huggingface_hub
import pytest
import torch
from safetensors.torch import load, save_file

from mmtadp.captioning import Captioner, Decoding
from mmtadp.captioning.image_loading import open_rgb
from mmtadp.models.diffusion import load_diffusion_model
from tests.utils.tiny_captioner import save_blip2, save_llava, write_photos


@pytest.fixture(scope='module')
def blip2(tmp_path_factory):
    """Return the folder of a tiny BLIP-2; read it, do not change it."""
    return save_blip2(tmp_path_factory.mktemp('models') / 'blip2')


@pytest.fixture
def folder(blip2, tmp_path):
    """Return a copy of the folder, to be changed."""
    return shutil.copytree(blip2, tmp_path / 'blip2')


class Payload:
    """What an attacker would put in a file of weights."""

    def __reduce__(self):
        return (os.mkdir, ('executed',))


def change_config(folder, name='config.json', **entries):
    path = folder / name
    content = {**json.loads(path.read_text()), **entries}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def make_old(folder):
    """Make the folder one that was downloaded before the end of 2024."""
    whole = json.loads((folder / 'processor_config.json').read_text())
    (folder / 'processor_config.json').unlink()
    entries = {**whole['image_processor'], 'processor_class': 'Blip2Processor'}
    (folder / 'preprocessor_config.json').write_text(json.dumps(entries))
    change_config(folder, image_token_index=None, image_token_id=None)


def captions(folder, photos, prompt=None):
    captioner = Captioner.load(str(folder), Decoding(max_new_tokens=6), prompt=prompt)
    images = [open_rgb(path) for path in sorted(photos.rglob('*.png'))]
    return captioner.caption([captioner.inputs.prepare(image) for image in images])


@pytest.mark.parametrize('prompt', [None, 'a photo of'])
def test_an_old_folder_gives_the_same_captions(blip2, folder, tmp_path, prompt):
    photos = write_photos(tmp_path / 'photos', 8)
    make_old(folder)
    expected = captions(blip2, photos, prompt)
    assert len(set(expected)) > 1 and captions(folder, photos, prompt) == expected


def test_an_old_llava_gives_the_same_captions(tmp_path):
    photos = write_photos(tmp_path / 'photos', 4)
    new = save_llava(tmp_path / 'new')
    old = shutil.copytree(new, tmp_path / 'old')
    missing = ('patch_size', 'vision_feature_select_strategy', 'num_additional_image_tokens')
    change_config(old, 'processor_config.json', **dict.fromkeys(missing))
    expected = captions(new, photos)
    assert len(set(expected)) > 1 and captions(old, photos) == expected


def no_room_for_the_token(folder):
    make_old(folder)
    path = folder / 'tokenizer.json'
    text = json.loads(path.read_text())
    vocabulary = text['model']['vocab']
    vocabulary['nothing'] = vocabulary.pop('<image>')
    text['added_tokens'] = [t for t in text['added_tokens'] if t['content'] != '<image>']
    path.write_text(json.dumps(text))
    tokens = json.loads((folder / 'tokenizer_config.json').read_text())
    for name in ('additional_special_tokens', 'extra_special_tokens', 'added_tokens_decoder'):
        tokens.pop(name, None)
    (folder / 'tokenizer_config.json').write_text(json.dumps(tokens))


def weights(content):
    return lambda folder: (folder / 'model.safetensors').write_bytes(content)


def malicious(folder):
    (folder / 'model.safetensors').unlink()
    torch.save({'a': Payload()}, folder / 'pytorch_model.bin')


def not_finite(folder):
    tensors = load((folder / 'model.safetensors').read_bytes())
    tensors['query_tokens'][0, 0, 0] = torch.nan
    save_file(tensors, folder / 'model.safetensors', dict(format='pt'))


def remove(name):
    return lambda folder: (folder / name).unlink()


def text(name, content):
    return lambda folder: (folder / name).write_text(content)


CASES = [
    ('no room', no_room_for_the_token, ['end of 2024', 'Download the folder again']),
    ('empty', weights(b''), ['model.safetensors is empty (0 bytes)']),
    ('cut', weights(b'\x10\0\0\0\0\0\0\0{"a":'), ['truncated']),
    ('pointer', weights(b'version https://git-lfs.github.com/spec/v1\n'), ['git lfs pull']),
    ('malicious', malicious, ['pytorch_model.bin', 'posix.mkdir', 'never executes code']),
    ('not finite', not_finite, ['query_tokens', 'NaN or infinity']),
    ('no weights', remove('model.safetensors'), ['has no weights', 'Download or copy']),
    ('no config', remove('config.json'), ['has no config.json', 'image-to-text']),
    ('config', text('config.json', '{'), ['config.json', 'not JSON']),
    ('page', text('config.json', '<html>'), ['config.json', 'web page']),
    ('processor', text('processor_config.json', ''), ['processor_config.json is empty']),
    ('tokenizer', text('tokenizer.json', '{"a'), ['tokenizer.json', 'not JSON']),
    ('no tokenizer', remove('tokenizer.json'), ['the tokenizer lacks', 'tokenizer.json']),
    (
        'code',
        lambda folder: change_config(
            folder, model_type='mine', auto_map=dict(AutoConfig='mine.Mine')
        ),
        ['Python code of its own, which mmtadp never runs'],
    ),
    (
        'other',
        lambda folder: change_config(folder, model_type='bert'),
        ["names the model_type 'bert'"],
    ),
]


@pytest.mark.parametrize(('damage', 'names'), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_damaged_folders(call, folder, tmp_path, monkeypatch, damage, names):
    monkeypatch.chdir(tmp_path)
    damage(folder)
    outcome = call(lambda: Captioner.load(str(folder)))
    outcome.check(2, [f"model '{folder}'", *names])
    assert 'trust_remote_code' not in outcome.message
    assert not (tmp_path / 'executed').exists()


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Switch the hub's client on, without a hub."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    monkeypatch.setattr(constants, 'ENDPOINT', 'http://127.0.0.1:9')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('offline', [False, True])
def test_no_network(call, no_network, tmp_path, monkeypatch, offline):
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', offline)
    for name in ('tiny_blip', 'org/night'):
        (tmp_path / name).mkdir(parents=True)
    start = time.perf_counter()
    outcome = call(lambda: Captioner.load('tiny_blib'))
    names = ["model 'tiny_blib' is not a local folder", 'hf download', '--model DIR']
    outcome.check(2, [*names, 'Similar names: tiny_blip'])
    outcome = call(lambda: load_diffusion_model('org/nights'))
    names = ["pretrained='org/nights' is not a local folder", "pretrained='DIR'"]
    outcome.check(2, [*names, 'Similar names: org/night'])
    assert time.perf_counter() - start < 5


def test_places_without_a_model(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'model.safetensors').touch()
    call(lambda: Captioner.load('model.safetensors')).check(2, ['is a file', 'config.json'])
    call(lambda: Captioner.load('./gone')).check(2, ["'./gone' does not exist (looked at"])
    call(lambda: Captioner.load('a/b/c')).check(2, ["'a/b/c' does not exist (looked at"])
