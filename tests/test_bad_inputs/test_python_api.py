"""Bad inputs of the Python API: images, captions, words, and arguments of the backbone."""

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from safetensors.torch import save_file

from mmtadp.apis import attention_of_words, inference_model, init_model
from mmtadp.engine.hooks import install_prompt_hooks
from mmtadp.models import TADPUNetBackbone
from tests.utils.tiny_model import OUT_CHANNELS
from tests.utils.tiny_runs import tiny_config


def pixels(*shape: int, dtype=np.uint8, value: float = 9) -> np.ndarray:
    return np.full(shape or (32, 40, 3), value, dtype)


@pytest.fixture(scope='module')
def things(tiny_pipeline, tiny_images, tmp_path_factory) -> SimpleNamespace:
    """What the cases use: a model, its pipeline, and files."""
    folder = tmp_path_factory.mktemp('things')
    config = tiny_config(tiny_pipeline, tiny_images, folder)
    (folder / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b'\0' * 20)
    (folder / 'page.jpg').write_text('<html>not found</html>')
    (folder / 'empty.png').touch()
    save_file({'<huge>': torch.zeros(75, 32)}, folder / 'huge.safetensors')
    several = copy.deepcopy(config)
    several.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[config.test_dataloader.dataset] * 2
    )
    model = init_model(config)
    return SimpleNamespace(
        folder=folder,
        model=model,
        several=init_model(several),
        config=config,
        photo=tiny_images / 'images' / 'validation' / 'validation_0.png',
        pipeline=str(tiny_pipeline),
        backbone=model.backbone,
    )


def infer(*args, **kwargs) -> Callable:
    return lambda t: inference_model(t.model, *args, **kwargs)


def infer_file(name: str) -> Callable:
    return lambda t: inference_model(t.model, t.folder / name, 'a cat')


def build(**kwargs) -> Callable:
    return lambda t: TADPUNetBackbone(t.pipeline, **kwargs)


def build_prompt(**prompt) -> Callable:
    return lambda t: TADPUNetBackbone(t.pipeline, prompt)


def captions_of(*captions) -> Callable:
    return lambda t: inference_model(t.model, [t.photo] * len(captions), list(captions))


def words(words, caption: str = 'a cat', image=None) -> Callable:
    image = pixels() if image is None else image
    return lambda t: attention_of_words(t.model, image, caption, words)


def forward(*args, **kwargs) -> Callable:
    return lambda t: t.backbone(*args, **kwargs)


def unfitting(part: str, **options) -> Callable:
    def run(t):
        model = copy.deepcopy(t.config.model)
        model[part].update(options)
        with DefaultScope.overwrite_default_scope('mmseg'):
            install_prompt_hooks(MODELS.build(model))

    return run


IMAGES = torch.zeros(1, 3, 64, 64)
# Name: call, what the message must name.
CASES = {
    # Images.
    'missing image': (infer_file('no.png'), ['image, ', 'no.png', 'is not a file']),
    'folder': (lambda t: inference_model(t.model, [t.folder], ['a']), ['image 0', 'is a folder']),
    'broken image': (infer_file('broken.png'), ['broken.png', 'cannot be read as an image']),
    'web page': (infer_file('page.jpg'), ['page.jpg', 'cannot be read as an image']),
    'empty file': (infer_file('empty.png'), ['empty.png', 'cannot be read as an image']),
    'number as image': (infer([7], ['a']), ['image 0', '7 (int)', 'path or an array']),
    'images not a list': (infer(7), ['images must be', '7 (int)']),
    'uint16': (
        infer(pixels(dtype=np.uint16, value=900), 'a'),
        ['uint16 from 900 to 900', 'uint8'],
    ),
    'int64': (infer([pixels(dtype=np.int64)], ['a']), ['image 0', 'int64', 'convert it to uint8']),
    'booleans': (infer(pixels(dtype=bool), 'a'), ['bool', 'uint8']),
    'from 0 to 1': (
        infer(pixels(dtype=np.float32, value=0.5), 'a'),
        ['float32 from 0.5 to 0.5', 'Multiply values in [0, 1] by 255'],
    ),
    'from -1 to 1': (infer(pixels(dtype=np.float64, value=-1), 'a'), ['float64 from -1 to -1']),
    'above 255': (infer(pixels(dtype=np.float32, value=256), 'a'), ['256', '[0, 255]']),
    'NaN': (infer(pixels(dtype=np.float32, value=np.nan), 'a'), ['NaN or infinity', '[0, 255]']),
    'grey': (infer(pixels(32, 40), 'a'), ['shape (32, 40)', '(H, W, 3)']),
    'four channels': (infer(pixels(32, 40, 4), 'a'), ['(32, 40, 4)']),
    'channels first': (infer(pixels(3, 32, 40), 'a'), ['(3, 32, 40)', '(H, W, 3)']),
    'a batch': (infer(pixels(2, 32, 40, 3), 'a'), ['(2, 32, 40, 3)', 'several as a list']),
    'no pixels': (infer(pixels(0, 40, 3), 'a'), ['(0, 40, 3)']),
    # Captions.
    'too many captions': (infer([pixels()], ['a', 'b']), ['2 captions for 1 images']),
    'one caption for two': (infer([pixels()] * 2, 'ab'), ['1 captions for 2 images']),
    'number as caption': (captions_of('a', 5), ['validation_0.png', 'must be text', '5 (int)']),
    'None as caption': (captions_of(None), ['validation_0.png', 'must be text', 'None']),
    'list as caption': (captions_of(['a']), ['validation_0.png', "['a'] (list)"]),
    'half a surrogate': (captions_of('a \ud83d'), ['validation_0.png', 'surrogate pair']),
    'array without caption': (infer([pixels()]), ['image 0', 'Pass `captions`']),
    'several test datasets': (
        lambda t: inference_model(t.several, [t.photo]),
        ['2 datasets', 'pass the captions'],
    ),
    # Words.
    'no such word': (words(['dog']), ["'dog'", "'a cat'"]),
    'part of a word': (words('at'), ["'at'", "'a cat'"]),
    'blank word': (words([' ']), ['the word must be text', "''"]),
    'number as word': (words([3]), ['the word must be text', '3 (int)']),
    'word beyond 77': (words('dog', 'cat ' * 80 + 'dog'), ["'dog'", '77']),
    'attention of floats': (words('cat', image=pixels(dtype=np.float32, value=0.1)), ['0.1']),
    'attention without caption': (words('cat', caption=None), ['must be text', 'None']),
    # Arguments of the backbone.
    'use_attn=no': (build(use_attn='no'), ['use_attn', 'True or False', "'no' (str)"]),
    'latent_scaling=no': (build(latent_scaling='no'), ['latent_scaling', "'no'"]),
    'with_cp=yes': (build(with_cp='yes'), ['with_cp', "'yes'"]),
    'attn_grad=1': (build(attn_grad=1), ['attn_grad', '1 (int)']),
    'keep_padding=None': (build(keep_padding=None), ['keep_padding', 'None']),
    'timestep=1.5': (build(timestep=1.5), ['timestep', '0 to 999', '1.5 (float)']),
    'timestep=True': (build(timestep=True), ['timestep', 'True (bool)']),
    'timestep=-1': (build(timestep=-1), ['timestep', '-1']),
    'latent_sampling=modes': (
        build(latent_sampling='modes'),
        ["'mode', 'sample'", "Did you mean 'mode'?"],
    ),
    'prompt=text': (build(prompt='CaptionPrompt'), ['prompt must be a dict', "'CaptionPrompt'"]),
    'prompt without type': (build(prompt=dict()), ['prompt.type None', 'NullTextPrompt']),
    'unknown prompt type': (
        build_prompt(type='NullText'),
        ["'NullText'", 'CaptionPrompt', "Did you mean 'NullTextPrompt'?"],
    ),
    'unknown key of a prompt': (
        build_prompt(type='CaptionPrompt', learned_embed='a'),
        ['CaptionPrompt', "'learned_embed'", "Did you mean 'learned_embeds'?"],
    ),
    'cache_size=many': (
        build_prompt(type='CaptionPrompt', cache_size='many'),
        ['cache_size', "'many' (str)"],
    ),
    'text_adapter={}': (
        build_prompt(type='NullTextPrompt', text_adapter='{}'),
        ['text_adapter must be a dict', "'{}' (str)", 'text_adapter.KEY=VALUE'],
    ),
    'unknown key of the adapter': (
        build_prompt(type='NullTextPrompt', text_adapter=dict(gama=1)),
        ['text_adapter', "'gama'", "Did you mean 'gamma'?"],
    ),
    'gamma=small': (
        build_prompt(type='NullTextPrompt', text_adapter=dict(gamma='small')),
        ['text_adapter.gamma', "'small' (str)"],
    ),
    'keep_first_bos=yes': (
        build_prompt(type='ClassEmbeddingsPrompt', class_names=['a'], keep_first_bos='yes'),
        ['keep_first_bos', "'yes'"],
    ),
    'no class names': (
        build_prompt(type='AverageEOSPrompt'),
        ['AverageEOSPrompt needs class_names', "dict(type='AverageEOSPrompt', class_names=[...])"],
    ),
    'a token without room for words': (
        lambda t: TADPUNetBackbone(
            t.pipeline,
            dict(type='CaptionPrompt', learned_embeds=str(t.folder / 'huge.safetensors')),
        ),
        ['huge.safetensors', "'<huge>'", '75 vectors', 'room for 75'],
    ),
    # Forwards.
    'no prompts': (forward(IMAGES), ['CaptionPromptHook is installed', '`backbone.set_prompts`']),
    'extract_feat': (lambda t: t.model.extract_feat(IMAGES), ['`extract_feat`']),
    'one caption for the batch': (forward(IMAGES, 'a cat'), ['list', "'a cat'"]),
    'caption in a list of lists': (forward(IMAGES, [['a cat']]), ["['a cat'] (list)", 'image 0']),
    'captions of another batch': (forward(IMAGES, ['a', 'b']), ['2 images for a batch of 1']),
    'image with NaN': (forward(IMAGES * float('nan'), ['a']), ['image(s) [0]', 'NaN', '127.5']),
    'grey image': (forward(IMAGES[:, :1], ['a']), ['(N, 3, H, W)', '(1, 1, 64, 64)']),
    # Parts of the model.
    'neck': (
        unfitting('neck', in_channels=[320, 640, 1280, 1280]),
        ['FPN has in_channels=[320, 640, 1280, 1280]', f'Set in_channels={OUT_CHANNELS}'],
    ),
    'neck of three maps': (
        unfitting('neck', in_channels=[32, 109, 141], num_outs=3),
        ['FPN has in_channels=[32, 109, 141]', str(OUT_CHANNELS)],
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_is_refused_in_a_sentence(name, things, call):
    run, names = CASES[name]
    outcome = call(lambda: run(things))
    outcome.check(2, names)
    assert '\n' not in outcome.message.strip() and len(outcome.message) < 900


def test_paths_of_any_kind(things):
    """A generator, a Path and a string are as good as a list of strings."""
    results = [
        inference_model(things.model, images, ['a cat'])[0].seg_logits.data
        for images in ([str(things.photo)], (Path(things.photo),), (p for p in [things.photo]))
    ]
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
