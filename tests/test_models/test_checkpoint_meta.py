"""The description of a model in its checkpoint, and what counts as a difference."""

import copy
import re

import pytest
from mmengine.registry import MODELS, DefaultScope

from mmtadp.models.checkpoint_meta import compare_model, describe_model
from tests.utils.tiny_runs import tiny_config


@pytest.fixture(scope='module')
def build(tiny_pipeline, tiny_images, tmp_path_factory):
    def run(**options):
        folder = tmp_path_factory.mktemp('model')
        config = tiny_config(tiny_pipeline, tiny_images, folder, **options)
        with DefaultScope.overwrite_default_scope('mmseg'):
            return MODELS.build(config.model)

    return run


@pytest.fixture(scope='module')
def model(build):
    return build()


def test_a_model_equals_its_own_description(model):
    comparison = compare_model(model, describe_model(model))
    assert (comparison.differences, comparison.remarks, comparison.frozen_differ) == ([], [], [])


@pytest.mark.parametrize(
    'option, value, message',
    [
        ('backbone__latent_scaling', False, 'latent_scaling is 0.18215 in .* and False in this'),
        ('backbone__latent_sampling', 'sample', "latent_sampling is 'mode' in"),
        ('backbone__timestep', 0, 'timestep is 1 in the checkpoint and 0 in this config'),
        ('backbone__keep_padding', True, 'keep_padding is False in'),
        ('backbone__use_attn', False, 'use_attn is True in the checkpoint and False'),
        (
            'data_preprocessor__mean',
            [123.675, 116.28, 103.53],
            r'normalisation.mean is \[127.5, 127.5, 127.5\] in the checkpoint and \[123.675, 116.',
        ),
        ('data_preprocessor__std', [58.395] * 3, 'normalisation.std is .* 58.395'),
        ('data_preprocessor__bgr_to_rgb', False, 'normalisation.bgr_to_rgb is True in'),
    ],
)
def test_settings_that_change_features(build, model, option, value, message):
    other = build(**{f'model__{option}': value})
    comparison = compare_model(other, describe_model(model))
    (difference,) = comparison.differences
    assert re.search(message, difference)
    assert comparison.frozen_differ == []


@pytest.mark.parametrize('option, value', [('attn_grad', True), ('with_cp', True)])
def test_settings_that_do_not(build, model, option, value):
    other = build(**{f'model__backbone__{option}': value})
    assert compare_model(other, describe_model(model)).differences == []


def test_a_pretrained_model_elsewhere_is_not_a_difference(model):
    description = copy.deepcopy(describe_model(model))
    description[0]['origin'] = dict(pretrained='elsewhere', unet='dreambooth/unet')
    assert compare_model(model, description).differences == []


def tokens(**digests):
    return [dict(name=f'<{name}>', vectors=1, digest=digest) for name, digest in digests.items()]


@pytest.mark.parametrize(
    'trained, here, differences, remarks',
    [
        (tokens(a='1', b='2'), tokens(b='2', a='1'), [], []),
        (tokens(a='1'), tokens(a='1', b='2'), [], ["'<b>' was not there in training"]),
        (tokens(a='1', b='2'), tokens(a='1'), ["has '<b>' in the checkpoint"], []),
        (tokens(a='1'), tokens(a='2'), [], ["'<a>' has other vectors than in training (1 of dig"]),
    ],
)
def test_learned_tokens(model, monkeypatch, trained, here, differences, remarks):
    description = copy.deepcopy(describe_model(model))
    description[0]['prompt']['learned_tokens'] = trained
    monkeypatch.setattr(model.backbone.prompt, 'learned_tokens', here)
    comparison = compare_model(model, description)
    for found, expected in (
        (comparison.differences, differences),
        (comparison.remarks, remarks),
    ):
        assert len(found) == len(expected)
        assert all(text in line for text, line in zip(expected, found))


def test_normalisation_of_a_wrapped_preprocessor(model):
    """mmdet wraps it for several branches; the closest one to the backbone counts."""
    other = copy.deepcopy(model)
    with DefaultScope.overwrite_default_scope('mmdet'):
        other.data_preprocessor = MODELS.build(
            dict(
                type='MultiBranchDataPreprocessor',
                data_preprocessor=dict(
                    type='DetDataPreprocessor', mean=[1.0] * 3, std=[2.0] * 3, bgr_to_rgb=False
                ),
            )
        )
    (description,) = describe_model(other)
    assert description['normalisation'] == dict(mean=[1.0] * 3, std=[2.0] * 3, bgr_to_rgb=False)
