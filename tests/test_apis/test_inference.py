import copy
from concurrent.futures import ThreadPoolExecutor

import mmcv
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS as MMSEG_TRANSFORMS

from mmtadp.apis import inference_model, init_model
from tests.test_engine.test_hooks.test_detection import detector_config
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
        inference_model(init_model(config, checkpoint), [np.zeros((8, 8, 3), np.uint8)] * 2, ['a'])


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


class TestInputs:
    @pytest.fixture(scope='class')
    def model(self, tiny_pipeline, tiny_images, tmp_path_factory):
        config = tiny_config(tiny_pipeline, tiny_images, tmp_path_factory.mktemp('run'))
        config.model.test_cfg = dict(mode='whole')
        return init_model(config)

    @pytest.fixture(scope='class')
    def photo(self, tiny_images):
        return tiny_images / 'images' / 'validation' / 'validation_0.png'

    def test_single_in_single_out(self, model, photo):
        (expected,) = inference_model(model, [photo], ['a cat'])
        for image in (photo, str(photo), mmcv.imread(photo)):
            result = inference_model(model, image, 'a cat')
            torch.testing.assert_close(result.seg_logits.data, expected.seg_logits.data)
        (result,) = inference_model(model, [photo], 'a cat')
        assert result.metainfo['caption'] == 'a cat'
        assert inference_model(model, photo).metainfo['caption'].endswith('validation 0')

    def test_no_images(self, model):
        assert inference_model(model, []) == []
        assert inference_model(model, [], []) == []

    def test_paths_and_arrays_mixed(self, model, photo):
        pixels = mmcv.imread(photo)
        images = [pixels, photo, pixels.astype(np.float64)]
        results = inference_model(model, images, ['a cat'] * 3)
        for result in results[1:]:
            torch.testing.assert_close(result.seg_logits.data, results[0].seg_logits.data)

    def test_caption_files_are_parsed_once(self, model, photo, monkeypatch):
        inference_model(model, photo)
        monkeypatch.setattr(
            'mmtadp.captions.store.CaptionStore.__init__', lambda *args, **kwargs: pytest.fail()
        )
        inference_model(model, photo)
        inference_model(model, photo, 'a cat')

    def test_pure_python_configs(self, model, photo):
        other = copy.copy(model)
        other.cfg = copy.deepcopy(model.cfg)
        for transform in other.cfg.test_dataloader.dataset.pipeline:
            transform['type'] = TRANSFORMS.get(transform['type']) or MMSEG_TRANSFORMS.get(
                transform['type']
            )
        expected = inference_model(model, photo).seg_logits.data
        torch.testing.assert_close(inference_model(other, photo).seg_logits.data, expected)
        result = inference_model(other, mmcv.imread(photo), 'a cat')
        assert result.metainfo['caption'] == 'a cat'


def test_a_segmentor_and_a_detector_in_one_process(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.model.test_cfg = dict(mode='whole')
    detection = Config(
        dict(
            model=detector_config(tiny_pipeline, tmp_path),
            default_scope='mmdet',
            test_dataloader=dict(
                dataset=dict(
                    type='CocoDataset',
                    pipeline=[
                        dict(type='LoadImageFromFile'),
                        dict(type='LoadAnnotations', with_bbox=True),
                        dict(
                            type='PackDetInputs',
                            meta_keys=('img_shape', 'ori_shape', 'scale_factor', 'caption'),
                        ),
                    ],
                )
            ),
        )
    )
    detection.test_dataloader.dataset.pipeline.insert(
        1, dict(type='Resize', scale=(80, 64), keep_ratio=True)
    )
    image = np.zeros((64, 80, 3), np.uint8)
    models = [init_model(config), init_model(detection)]
    alone = [inference_model(model, image, 'a cat') for model in models]
    assert hasattr(alone[0], 'pred_sem_seg') and hasattr(alone[1], 'pred_instances')
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda i: inference_model(models[i % 2], image, 'a cat'), range(8))
        )
    for index, result in enumerate(results):
        if index % 2 == 0:
            expected = alone[0].seg_logits.data
            torch.testing.assert_close(result.seg_logits.data, expected, rtol=1e-4, atol=1e-4)
        else:
            assert len(result.pred_instances) == len(alone[1].pred_instances)


def test_class_names_of_the_dataset(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.model.backbone.prompt = dict(type='ClassNamesPrompt')
    model = init_model(config)
    assert model.backbone.prompt.class_names == ['wall', 'cat', 'dog']
    given = dict(type='ClassNamesPrompt', class_names=['a', 'b', 'c'])
    config.model.backbone.prompt = given
    assert init_model(config).backbone.prompt.class_names == ['a', 'b', 'c']
