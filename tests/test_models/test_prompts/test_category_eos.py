"""The average EOS embedding of each image's own category."""

import numpy as np
import pytest
import torch

from mmtadp.models import AverageEOSPrompt, CategoryEOSPrompt, TADPUNetBackbone
from tests.utils.tiny_model import WIDTH, tiny_diffusion_model

ROOMS = ['kitchen', 'living room', 'office']


@pytest.fixture(scope='module')
def model():
    return tiny_diffusion_model()


@pytest.fixture(scope='module')
def rooms(model):
    """Average EOS embeddings of the rooms, (3, D)."""
    return AverageEOSPrompt(model, ROOMS).embeddings


@pytest.fixture(scope='module')
def backbone(tiny_pipeline):
    prompt = dict(type='CategoryEOSPrompt', class_names=ROOMS)
    return TADPUNetBackbone(str(tiny_pipeline), prompt=prompt, use_attn=False).eval()


def samples(*ids):
    return [dict(category_id=category, img_path=f'{category}.jpg') for category in ids]


def test_one_token_of_the_category(model, rooms):
    prompt = CategoryEOSPrompt(model, ROOMS)
    assert (prompt.meta_keys, prompt.num_tokens) == (('category_id',), 1)
    embedded = prompt(samples(2, 0, np.int64(2), torch.tensor(1)), 4)
    assert embedded.shape == (4, 1, WIDTH)
    torch.testing.assert_close(embedded[:, 0], rooms[[2, 0, 2, 1]])


@pytest.mark.parametrize('unknown', [-1, None])
def test_unknown_category_is_the_mean(model, rooms, unknown):
    embedded = CategoryEOSPrompt(model, ROOMS)(samples(1, unknown), 2)
    torch.testing.assert_close(embedded[:, 0], torch.stack([rooms[1], rooms.mean(dim=0)]))


def test_the_adapter_sees_the_mean(model, rooms):
    prompt = CategoryEOSPrompt(model, ROOMS, text_adapter=dict(gamma=0.5))
    torch.testing.assert_close(
        prompt(samples(-1), 1)[0], prompt.text_adapter(rooms.mean(dim=0, keepdim=True))
    )


@pytest.mark.parametrize('category', [3, -2, 1.5, 'kitchen'])
def test_no_such_category(model, category):
    with pytest.raises(ValueError, match=f'category_id={category!r} of {category}.jpg.*3 classes'):
        CategoryEOSPrompt(model, ROOMS)(samples(0, category), 2)


def test_an_image_without_a_path(model):
    with pytest.raises(ValueError, match='category_id=7 of image 1 of the batch'):
        CategoryEOSPrompt(model, ROOMS)([dict(category_id=0), dict(category_id=7)], 2)


class TestBackbone:
    def test_none_is_no_missing_key(self, backbone):
        with torch.no_grad():
            features = []
            for category in (None, -1, 0):
                backbone.set_prompts([dict(category_id=category)])
                features.append(backbone(torch.zeros(1, 3, 64, 64))[1])
        torch.testing.assert_close(features[0], features[1])
        assert (features[0] - features[2]).abs().max() > 1e-3

    def test_missing_key_is_said(self, backbone):
        with pytest.raises(RuntimeError) as error:
            backbone.set_prompts([dict(img_path='nyu/a.jpg', caption='a room')])
        message = str(error.value)
        assert "CategoryEOSPrompt needs ['category_id'] of nyu/a.jpg" in message
        assert '`NYUDataset`' in message
        assert 'CaptionLoadTransform' not in message
        assert '`meta_keys` of `PackSegInputs`' in message
