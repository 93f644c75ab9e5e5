import copy

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS as MMSEG_TRANSFORMS

from mmtadp.apis import inference_model, init_model
from tests.utils.tiny_runs import tiny_config


@pytest.fixture(scope='module')
def trained(tiny_pipeline, tiny_images, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    config = tiny_config(tiny_pipeline, tiny_images, work_dir, train_cfg__val_interval=100)
    config.experiment_name = config.visualizer.name = str(work_dir).replace('/', '_')
    Runner.from_cfg(config).train()
    return config, str(work_dir / 'iter_2.pth')


def test_captions_at_hand(trained, tiny_images):
    config, checkpoint = trained
    model = init_model(config, checkpoint)
    path = tiny_images / 'images' / 'validation' / 'validation_0.png'
    array = np.zeros((50, 70, 3), np.uint8)
    results = inference_model(model, [path, path], ['a cat', 'a dog'])
    assert [r.pred_sem_seg.data.shape for r in results] == [(1, 64, 80)] * 2
    logits = [r.seg_logits.data for r in results]
    assert (logits[0] - logits[1]).abs().max() > 1e-5
    (result,) = inference_model(model, [array], ['nothing'])
    assert result.pred_sem_seg.data.shape == (1, 50, 70)
    assert model.dataset_meta['classes'] == ('wall', 'cat', 'dog')


def test_captions_of_the_config(trained, tiny_images):
    config, checkpoint = trained
    model = init_model(config, checkpoint)
    path = tiny_images / 'images' / 'validation' / 'validation_0.png'
    (by_file,) = inference_model(model, [path])
    caption = by_file.metainfo['caption']
    assert caption.startswith('a ')
    (given,) = inference_model(model, [path], [caption])
    torch.testing.assert_close(by_file.seg_logits.data, given.seg_logits.data)


@TRANSFORMS.register_module()
class OwnCaptionTransform(BaseTransform):
    """A user's transform, which would replace a caption that is given."""

    writes_caption = True

    def transform(self, results):
        results['caption'] = 'my own'
        return results


@MMSEG_TRANSFORMS.register_module()
class OwnLoadAnnotations(LoadAnnotations):
    """A user's ground truth, which an image at hand does not have."""


def test_own_transforms_are_left_out_too(trained, tiny_images):
    config, checkpoint = trained
    model = init_model(copy.deepcopy(config), checkpoint)
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    pipeline.insert(1, dict(type='OwnCaptionTransform'))
    pipeline.insert(2, dict(type='OwnLoadAnnotations'))
    path = tiny_images / 'images' / 'validation' / 'validation_0.png'
    captions = [
        inference_model(model, [path], given)[0].metainfo['caption'] for given in (None, ['a cat'])
    ]
    assert captions == ['my own', 'a cat']


def test_number_of_captions(trained):
    config, checkpoint = trained
    with pytest.raises(ValueError, match='1 captions for 2 images'):
        inference_model(init_model(config, checkpoint), ['a.png', 'b.png'], ['a cat'])


def test_checkpoint_of_another_prompt(trained, tiny_pipeline, tiny_images, tmp_path):
    null = tiny_config(tiny_pipeline, tiny_images, tmp_path, base='null_ade20k_4k.py')
    with pytest.raises(ValueError, match="prompt.type is 'CaptionPrompt' in the checkpoint"):
        init_model(null, trained[1])
    null.custom_hooks[0].check_checkpoint = False
    model = init_model(null, trained[1])
    # Of the checkpoint the U-Net, of the pretrained model the empty caption.
    state = torch.load(trained[1], weights_only=True)['state_dict']
    weight = 'backbone.unet.conv_in.weight'
    assert torch.equal(model.state_dict()[weight], state[weight])
    own = init_model(null).backbone.prompt.embeddings
    assert torch.equal(model.backbone.prompt.embeddings, own) and own.abs().sum() > 0
