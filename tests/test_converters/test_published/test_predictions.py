"""Predictions before and after, see ``tests/data/golden/README.md``."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmtadp.apis import init_model
from mmtadp.converters import read_checkpoint
from mmtadp.converters.published import convert_published, write_conversion
from tests.utils.published import GOLDEN, published_layout, published_weights
from tests.utils.published_runs import (
    CAPTIONS,
    CONFIGS,
    RUNS,
    small_config,
    small_options,
)
from tests.utils.seeded_weights import seeded_image

PREDICTIONS = dict(rtol=0, atol=1e-4)


@pytest.fixture
def converted(architecture, tmp_path):
    """Convert a golden run's checkpoint and load the result like any other checkpoint."""

    def convert(name, wrap=lambda state: state, edit=lambda state: None, **kwargs):
        state = published_weights(published_layout(name))
        edit(state)
        torch.save(wrap(state), tmp_path / 'published.ckpt')
        conversion = convert_published(
            read_checkpoint(tmp_path / 'published.ckpt'),
            small_config(name, architecture),
            **kwargs,
        )
        options = small_options(name, architecture)
        target = tmp_path / 'ours.pth'
        config = write_conversion(conversion, CONFIGS / RUNS[name][0], target, options)
        return init_model(config, str(target)), conversion

    return convert


def sample(**metainfo):
    return BaseDataElement(metainfo=metainfo)


def normalised(model, image):
    """Return an image in [0, 255], RGB, (N, 3, H, W), as the converted config normalises it."""
    preprocessor = model.data_preprocessor
    return (image - preprocessor.mean.view(1, 3, 1, 1)) / preprocessor.std.view(1, 3, 1, 1)


def in_bytes(image):
    return (image + 1) * 127.5


class TestSegmentation:
    def logits(self, model, captions=CAPTIONS):
        image = normalised(model, in_bytes(seeded_image(2, 256)))
        samples = [
            sample(caption=c, img_shape=(256, 256), ori_shape=(256, 256), padding_size=[0] * 4)
            for c in captions
        ]
        with torch.no_grad():
            # Through the model's forward, whose hooks hand the captions to the backbone.
            logits = model(image, samples, mode='tensor')
            return model.decode_head.predict_by_feat(logits, [s.metainfo for s in samples])

    @pytest.mark.parametrize(
        ('name', 'step', 'latent_scaling'),
        [
            ('ade20k_captions', 8, True),
            ('ade20k_class_embeddings', 8, False),
            ('voc2012_captions', 16, True),
        ],
    )
    def test_same_logits(self, converted, name, step, latent_scaling):
        model, conversion = converted(name)
        assert model.backbone.vae.scale == (0.18215 if latent_scaling else 1.0)
        logits = self.logits(model)[:, :, ::step, ::step].numpy()
        np.testing.assert_allclose(
            logits, np.load(GOLDEN / f'published_{name}.npz')['logits'], **PREDICTIONS
        )
        assert conversion.settings.latent_scaling is latent_scaling

    def test_captions_matter(self, converted):
        model, _ = converted('ade20k_captions')
        change = self.logits(model) - self.logits(model, CAPTIONS[::-1])
        assert change.abs().max() > 0.01


class TestDepth:
    @pytest.mark.parametrize('name', ['nyu_captions', 'nyu_class_embeddings'])
    def test_same_depth(self, converted, name):
        kwargs = dict(latent_scaling=False) if name == 'nyu_class_embeddings' else {}
        model, conversion = converted(
            name, wrap=lambda s: dict(model={f'module.{k}': v for k, v in s.items()}), **kwargs
        )
        image = normalised(model, in_bytes(seeded_image(1, 480)))
        with torch.no_grad():
            depth = model(image, [sample(caption=CAPTIONS[0], category_id=4)], mode='tensor')
        np.testing.assert_allclose(
            depth[:, :, ::8, ::8].numpy(),
            np.load(GOLDEN / f'published_{name}.npz')['depth'],
            **PREDICTIONS,
        )


class TestDetection:
    def test_same_boxes(self, converted):
        pytest.importorskip('mmdet', reason='needs mmdet')
        model, conversion = converted('voc2watercolor')
        image = in_bytes(seeded_image(1, 512)).round()
        batch = sample(
            caption=CAPTIONS[0],
            img_shape=(512, 512),
            ori_shape=(512, 512),
            scale_factor=(1.0, 1.0),
            batch_input_shape=(512, 512),
        )
        from mmdet.structures import DetDataSample

        batch = DetDataSample(metainfo=batch.metainfo)
        with torch.no_grad():
            (result,) = model(normalised(model, image), [batch], mode='predict')
        found, golden = result.pred_instances, np.load(GOLDEN / 'published_voc2watercolor.npz')
        assert len(found.bboxes) == len(golden['boxes']) == 100
        np.testing.assert_allclose(found.scores.numpy(), golden['scores'], **PREDICTIONS)
        # torchvision counts the background as class 0.
        assert (found.labels.numpy() + 1).tolist() == golden['labels'].tolist()
        np.testing.assert_allclose(found.bboxes.numpy(), golden['boxes'], rtol=0, atol=1e-2)
