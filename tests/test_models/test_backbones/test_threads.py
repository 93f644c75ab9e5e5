"""One model in several threads: each forward gives what it gives alone."""

import copy
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from mmtadp.engine.hooks import install_prompt_hooks
from tests.test_models.test_backbones.test_tadp_unet import build, image
from tests.utils.tiny_runs import tiny_config

CAPTIONS = ['', 'a cat', 'two dogs on a mat', 'a very long caption of a dog in a forest at night']


@pytest.fixture
def frequent_switches():
    """Make Python change threads a hundred times as often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(interval)


def louder(model):
    """Let captions matter more than rounding."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'attn2.to_out.0.weight' in name:
                parameter.mul_(20)
    return model


@pytest.mark.parametrize('cache_size', [0, 2])
def test_200_forwards_in_4_threads(tiny_pipeline, frequent_switches, cache_size):
    prompt = dict(type='CaptionPrompt', cache_size=cache_size)
    backbone = louder(build(tiny_pipeline, prompt=prompt)).eval()
    inputs = image(64, 64)

    def run(number: int) -> torch.Tensor:
        caption = CAPTIONS[number % len(CAPTIONS)]
        with torch.no_grad():
            if number % 3 == 0:
                return torch.cat([f.flatten() for f in backbone(inputs, [caption])])
            backbone.set_prompts([caption])
            return torch.cat([f.flatten() for f in backbone(inputs)])

    serial = [run(number) for number in range(12)]
    assert (serial[0] - serial[1]).abs().max() > 0.1
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(200)))
    for number, result in enumerate(results):
        torch.testing.assert_close(result, serial[number % 12], rtol=1e-4, atol=1e-4)


def test_a_segmentor_with_its_data_samples(
    tiny_pipeline, tiny_images, tmp_path, frequent_switches
):
    from mmseg.structures import SegDataSample

    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(tiny_config(tiny_pipeline, tiny_images, tmp_path).model)
    model = louder(install_prompt_hooks(model)).eval()
    inputs = image(64, 80)

    def run(number: int) -> torch.Tensor:
        meta = dict(caption=CAPTIONS[number % 4], img_shape=(64, 80), ori_shape=(64, 80))
        with torch.no_grad():
            (result,) = model(inputs, [SegDataSample(metainfo=meta)], mode='predict')
        return result.seg_logits.data

    serial = [run(number) for number in range(4)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(40)))
    for number, result in enumerate(results):
        torch.testing.assert_close(result, serial[number % 4], rtol=1e-4, atol=1e-4)


def test_prompts_belong_to_the_thread_that_set_them(tiny_pipeline):
    backbone = build(tiny_pipeline)
    backbone.set_prompts(['a cat'])
    errors = []

    def other():
        try:
            backbone(image(64, 64))
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert 'no prompts were set' in errors[0]
    assert backbone(image(64, 64))[0].shape[0] == 1


def test_training_in_one_thread_while_another_predicts(tiny_pipeline, frequent_switches):
    """With gradient checkpointing, the backward pass runs the blocks again."""
    backbone = build(tiny_pipeline, with_cp=True).train()
    inputs = image(64, 64)

    def gradient() -> torch.Tensor:
        loss = sum(f.square().mean() for f in backbone(inputs, ['a cat']))
        return torch.autograd.grad(loss, backbone.unet.conv_in.weight)[0]

    def predict() -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([f.flatten() for f in backbone(inputs, ['a dog'])])

    expected, alone = gradient(), predict()
    with ThreadPoolExecutor(2) as pool:
        gradients = [pool.submit(gradient) for _ in range(5)]
        predictions = [pool.submit(predict) for _ in range(10)]
        for future in gradients:
            torch.testing.assert_close(future.result(), expected, rtol=1e-4, atol=1e-5)
        for future in predictions:
            torch.testing.assert_close(future.result(), alone, rtol=1e-4, atol=1e-4)


def test_backward_in_another_thread(tiny_pipeline):
    """As autograd does on a GPU."""
    gradients = []
    for with_cp in (False, True):
        backbone = build(tiny_pipeline, with_cp=with_cp).train()
        loss = sum(f.square().mean() for f in backbone(image(64, 64), ['a cat']))
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
        gradients.append(backbone.unet.conv_in.weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize(
    'duplicate', [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_copies_start_without_prompts(tiny_pipeline, duplicate):
    backbone = build(tiny_pipeline).eval()
    backbone.set_prompts(['a cat'])
    other = duplicate(backbone)
    with pytest.raises(RuntimeError, match='no prompts were set'):
        other(image(64, 64))
    expected = backbone(image(64, 64))
    for feature, reference in zip(other(image(64, 64), ['a cat']), expected, strict=True):
        torch.testing.assert_close(feature, reference)
