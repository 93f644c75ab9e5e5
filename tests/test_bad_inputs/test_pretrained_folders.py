"""Pretrained models that are incomplete, damaged, of another kind, or in another form."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file

from mmtadp.models.diffusion import load_diffusion_model, load_text_encoder, no_pretrained_weights
from mmtadp.models.diffusion.unet_loading import load_unet_weights
from tests.utils.tiny_model import tiny_diffusion_model

STEMS = dict(unet='diffusion_pytorch_model', vae='diffusion_pytorch_model', text_encoder='model')
PARTS = dict(unet='unet', vae='vae', text_encoder='text_model')


@pytest.fixture
def folder(small_pipeline, tmp_path):
    """Return a copy of the model's folder, to be changed."""
    return Path(shutil.copytree(small_pipeline, tmp_path / 'pipe'))


class Payload:
    """What an attacker would put in a file of weights."""

    def __reduce__(self):
        return (os.mkdir, ('executed',))


def weights(folder: Path, part: str) -> Path:
    """Return the file of a part's weights."""
    return folder / part / f'{STEMS[part]}.safetensors'


def set_config(folder: Path, part: str, **entries) -> None:
    path = folder / part / 'config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def truncate(folder, part):
    path = weights(folder, part)
    path.write_bytes(path.read_bytes()[:-100])


def empty(folder, part):
    weights(folder, part).write_bytes(b'')


def pointer(folder, part):
    weights(folder, part).write_text('version https://git-lfs.github.com/spec/v1\nsize 9\n')


def no_weights(folder, part):
    weights(folder, part).unlink()


def pickled_name(part):
    return 'pytorch_model.bin' if part == 'text_encoder' else f'{STEMS[part]}.bin'


def malicious(folder, part):
    weights(folder, part).unlink()
    torch.save({'a': Payload()}, folder / part / pickled_name(part))


def wrong_suffix(folder, part):
    path = weights(folder, part)
    content = load(path.read_bytes())
    torch.save(content, path)


def not_finite(folder, part):
    path = weights(folder, part)
    tensors = load(path.read_bytes())
    next(iter(tensors.values())).view(-1)[0] = float('nan')
    save_file(tensors, path, metadata=dict(format='pt'))


def lacks_a_weight(folder, part):
    path = weights(folder, part)
    tensors = load(path.read_bytes())
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path, metadata=dict(format='pt'))


def broken_config(folder, part):
    (folder / part / 'config.json').write_text('{"a": ')


def web_page(folder, part):
    (folder / part / 'config.json').write_text('<!DOCTYPE html><html>Sign in</html>')


def no_shard(folder, part):
    split(folder, part)
    sorted((folder / part).glob('*-00002-of-*'))[0].unlink()


DAMAGE = [
    (truncate, ['truncated']),
    (empty, ['empty (0 bytes)']),
    (pointer, ['Git LFS pointer', 'git lfs pull']),
    (no_weights, ['has no weights']),
    (malicious, ['posix.mkdir', 'never executes code']),
    (wrong_suffix, ['torch.save', 'suffix .bin']),
    (not_finite, ['NaN or infinity']),
    (lacks_a_weight, ['1 missing']),
    (broken_config, ['config.json', 'not JSON']),
    (web_page, ['config.json', 'web page']),
    (no_shard, ['lacks 1 of the', '-00002-of-']),
]


@pytest.mark.parametrize('part', STEMS)
@pytest.mark.parametrize(('damage', 'names'), DAMAGE, ids=[d[0].__name__ for d in DAMAGE])
def test_damaged_parts(call, small_model, folder, tmp_path, monkeypatch, damage, names, part):
    monkeypatch.chdir(tmp_path)
    damage(folder, part)
    read = load_text_encoder if part == 'text_encoder' else load_diffusion_model
    call(lambda: read(str(folder))).check(2, [f"pretrained='{folder}'", part, *names])
    if part == 'unet':
        outcome = call(lambda: load_unet_weights(small_model.unet, str(folder / part)))
        names = names if damage is not no_weights else ['not a U-Net of diffusers']
        outcome.check(2, [f"unet='{folder}", *names])
    assert not Path('executed').exists()


def remove(*names):
    def change(folder):
        for name in names:
            (folder / 'tokenizer' / name).unlink()

    return change


def write(name, content):
    return lambda folder: (folder / 'tokenizer' / name).write_text(content)


def older_files(part_of_merges):
    """Write vocab.json and merges.txt instead of tokenizer.json, with some of the merges."""

    def change(folder):
        path = folder / 'tokenizer' / 'tokenizer.json'
        model = json.loads(path.read_text())['model']
        path.unlink()
        lines = [pair if isinstance(pair, str) else ' '.join(pair) for pair in model['merges']]
        kept = lines[: int(part_of_merges * len(lines))]
        write('vocab.json', json.dumps(model['vocab']))(folder)
        write('merges.txt', '\n'.join(['#version: 0.2', *kept]))(folder)

    return change


TOKENIZERS = [
    ('gone', remove('tokenizer.json'), ['lacks vocab.json and merges.txt']),
    ('cut', write('tokenizer.json', '{"version": "1.0", "mo'), ['tokenizer.json', 'not JSON']),
    ('empty', write('tokenizer.json', ''), ['tokenizer.json is empty']),
    ('page', write('tokenizer.json', '<html>'), ['tokenizer.json', 'web page']),
    ('settings', write('tokenizer_config.json', '{'), ['tokenizer_config.json', 'not JSON']),
    ('half the merges', older_files(0.5), ['lacks the merges of', 'tokens']),
    ('no merges', older_files(0), ['lacks the merges of']),
]


@pytest.mark.parametrize(
    ('change', 'names'), [c[1:] for c in TOKENIZERS], ids=[c[0] for c in TOKENIZERS]
)
def test_damaged_tokenizers(call, folder, change, names):
    change(folder)
    names = [f"pretrained='{folder}'", 'tokenizer', *names]
    call(lambda: load_diffusion_model(str(folder))).check(2, names)
    call(lambda: load_text_encoder(str(folder))).check(2, names)


def test_an_older_tokenizer_gives_the_same_tokens(small_pipeline, folder):
    older_files(1)(folder)
    (folder / 'tokenizer' / 'tokenizer_config.json').unlink()
    tokenizer = load_text_encoder(str(folder))[1]
    expected = load_text_encoder(str(small_pipeline))[1]
    assert tokenizer('a red circle').input_ids == expected('a red circle').input_ids
    assert tokenizer.model_max_length == 77


def test_a_tokenizer_of_another_model(call, folder):
    set_config(folder, 'text_encoder', vocab_size=100)
    with no_pretrained_weights():
        outcome = call(lambda: load_diffusion_model(str(folder)))
    outcome.check(2, ['the tokenizer has 909 tokens', 'embeddings of 100'])


OTHER_MODELS = [
    ('unet', dict(in_channels=9), ['takes 9 channels (a model for inpainting), not 4']),
    ('unet', dict(cross_attention_dim=2048), ['2048 (Stable Diffusion XL), not 32']),
    ('unet', dict(cross_attention_dim=1024), ['1024 (Stable Diffusion 2.x), not 32']),
    ('unet', dict(_class_name='FluxTransformer2DModel'), ['unet is a FluxTransformer2DModel']),
    ('vae', dict(_class_name='AutoencoderTiny'), ['vae is a AutoencoderTiny']),
    ('text_encoder', dict(architectures=['T5EncoderModel']), ['text_encoder is a T5Encoder']),
    ('unet', dict(norm_num_groups=7), ['no model can be built']),
]


@pytest.mark.parametrize(('part', 'entries', 'names'), OTHER_MODELS)
def test_other_kinds_of_models(call, folder, part, entries, names):
    set_config(folder, part, **entries)
    with no_pretrained_weights():
        outcome = call(lambda: load_diffusion_model(str(folder)))
    outcome.check(2, [f"pretrained='{folder}'", *names])


def test_weights_of_another_shape_than_the_config(call, folder):
    set_config(folder, 'unet', cross_attention_dim=1024)
    names = [f"pretrained='{folder}'", 'attn2.to_k.weight', '(32, 32)', '(32, 1024)']
    call(lambda: load_diffusion_model(str(folder))).check(2, names)


def halve(folder, part):
    """Leave only the files of half precision."""
    path = weights(folder, part)
    half = {key: value.half() for key, value in load(path.read_bytes()).items()}
    save_file(half, path.with_name(f'{path.stem}.fp16.safetensors'), metadata=dict(format='pt'))
    path.unlink()


def split(folder, part):
    """Replace the file by two shards and their index."""
    path = weights(folder, part)
    tensors = load(path.read_bytes())
    path.unlink()
    names, table = sorted(tensors), {}
    for number, keys in ((1, names[::2]), (2, names[1::2])):
        shard = f'{path.stem}-{number:05d}-of-00002.safetensors'
        save_file({k: tensors[k] for k in keys}, path.with_name(shard), dict(format='pt'))
        table.update(dict.fromkeys(keys, shard))
    index = dict(metadata=dict(total_size=1), weight_map=table)
    path.with_name(f'{path.name}.index.json').write_text(json.dumps(index))


def pickle_all(folder, part):
    path = weights(folder, part)
    torch.save(load(path.read_bytes()), folder / part / pickled_name(part))
    path.unlink()


@pytest.mark.parametrize('change', [halve, split, pickle_all])
def test_every_form_of_a_folder_in_every_reader(small_model, folder, change):
    for part in STEMS:
        change(folder, part)
    loaded = load_diffusion_model(str(folder))
    unet = tiny_diffusion_model().unet
    load_unet_weights(unet, str(folder))
    pairs = [(getattr(loaded, part), part) for part in PARTS.values()]
    pairs += [(unet, 'unet'), (load_text_encoder(str(folder))[0], 'text_model')]
    for module, part in pairs:
        state, reference = module.state_dict(), getattr(small_model, part).state_dict()
        for key, value in reference.items():
            value = value.half().float() if change is halve else value
            assert torch.equal(state[key], value), (part, key)
