"""Prompt types in stock runners: training, a checkpoint, and testing with nothing else."""

import json

import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner
from safetensors.torch import save_file

from mmtadp.models import CaptionPrompt, no_pretrained_weights
from tests.utils.seeded_weights import seeded_values
from tests.utils.tiny_model import OUT_CHANNELS, WIDTH
from tests.utils.tiny_runs import tiny_config

NAMES = ['wall', 'tabby cat', 'dog']


@TRANSFORMS.register_module()
class SetCategoryOfTest(BaseTransform):
    """Add a category_id from -1 to 2, as mmseg's NYUDataset does for rooms."""

    def transform(self, results):
        results['category_id'] = int(results['img_path'][-5]) - 1
        return results


@pytest.fixture(scope='module')
def night(tmp_path_factory):
    path = tmp_path_factory.mktemp('night') / 'learned_embeds.safetensors'
    save_file({'<night>': torch.from_numpy(seeded_values('night', (2, WIDTH)))}, path)
    return str(path)


def config(pipeline, images, work_dir, prompt, tokens):
    extra = tokens - 77
    channels = [32, OUT_CHANNELS[1] + extra, OUT_CHANNELS[2] + extra, 64]
    config = tiny_config(pipeline, images, work_dir, model__neck__in_channels=channels)
    config.model.backbone.prompt = prompt
    for loader in (config.train_dataloader, config.val_dataloader):
        *_, pack = transforms = loader.dataset.pipeline
        transforms.insert(-1, dict(type='SetCategoryOfTest'))
        pack.meta_keys = ('img_path', 'ori_shape', 'img_shape', 'caption', 'category_id')
    config.test_dataloader = config.val_dataloader
    config.experiment_name = config.visualizer.name = str(work_dir).replace('/', '_')
    return config


def write_token(config, night):
    template = 'a dark {token} photo of a {caption}'
    modifier = dict(type='mmtadp.DomainModifier', template=template, learned_embeds=night)
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.pipeline.insert(1, modifier)
    config.test_dataloader = config.val_dataloader
    return config


@pytest.mark.parametrize(
    'prompt, tokens',
    [
        (dict(type='ClassEmbeddingsPrompt', class_names=NAMES, text_adapter=dict()), 4),
        (dict(type='ClassNamesPrompt', class_names=NAMES), 77),
        (dict(type='CategoryEOSPrompt', class_names=NAMES, text_adapter=dict()), 1),
    ],
    ids=lambda value: value.get('type') if isinstance(value, dict) else None,
)
def test_a_checkpoint_suffices(tiny_pipeline, tiny_images, tmp_path, prompt, tokens, forget_runs):
    training = config(tiny_pipeline, tiny_images, tmp_path / 'train', prompt, tokens)
    if 'text_adapter' in prompt:
        training.optim_wrapper.optimizer.lr = 1e-2
    runner = Runner.from_cfg(training)
    before = {k: v.clone() for k, v in runner.model.backbone.prompt.state_dict().items()}
    runner.train()
    after = runner.model.backbone.prompt.state_dict()
    # The embeddings are frozen, the adapter learns.
    assert torch.equal(before['embeddings'], after['embeddings'])
    changed = [key for key in after if not torch.equal(before[key], after[key])]
    assert bool(changed) == ('text_adapter' in prompt)

    metrics = []
    for skip_pretrained in (True, False):
        forget_runs()
        testing = config(tiny_pipeline, tiny_images, tmp_path / 'test', prompt, tokens)
        testing.load_from = str(tmp_path / 'train' / 'iter_2.pth')
        if skip_pretrained:
            with no_pretrained_weights():
                runner = Runner.from_cfg(testing)
        else:
            runner = Runner.from_cfg(testing)
        metrics.append(runner.test())
    assert metrics[0] == metrics[1]
    assert 0 < metrics[0]['mIoU'] < 100
    meta = torch.load(tmp_path / 'train' / 'iter_2.pth', weights_only=True)['meta']
    (description,) = meta['mmtadp']
    expected = dict(
        type=prompt['type'],
        num_tokens=tokens,
        text_adapter='text_adapter' in prompt,
        class_names=prompt['class_names'],
    )
    if prompt['type'] == 'ClassEmbeddingsPrompt':
        expected['keep_first_bos'] = False
    assert description['prompt'] == expected


def test_a_checkpoint_of_other_class_names_is_refused(tiny_pipeline, tiny_images, tmp_path):
    prompt = dict(type='ClassNamesPrompt', class_names=NAMES)
    Runner.from_cfg(config(tiny_pipeline, tiny_images, tmp_path / 'train', prompt, 77)).train()
    other = dict(type='ClassNamesPrompt', class_names=['wall', 'cat', 'dog'])
    testing = config(tiny_pipeline, tiny_images, tmp_path / 'test', other, 77)
    testing.load_from = str(tmp_path / 'train' / 'iter_2.pth')
    with pytest.raises(ValueError) as error:
        Runner.from_cfg(testing).test()
    assert (
        "class_names is a list of 3, at 1 'tabby cat', in the checkpoint and a list of 3, at 1 "
        "'cat', in this config"
    ) in str(error.value)


@pytest.fixture(scope='module')
def trained(tiny_pipeline, tiny_images, tmp_path_factory, night):
    """Work directory of a run whose captions hold a learned token."""
    work_dir = tmp_path_factory.mktemp('learned')
    prompt = dict(type='CaptionPrompt', learned_embeds=[night])
    training = config(tiny_pipeline, tiny_images, work_dir, prompt, 77)
    runner = Runner.from_cfg(write_token(training, night))
    seen = []
    runner.model.backbone.prompt.register_forward_pre_hook(
        lambda module, args: seen.extend(sample['caption'] for sample in args[0])
    )
    runner.train()
    entries = json.loads((tiny_images / 'captions.json').read_text())
    known = {f'a dark <night> photo of a {e["captions"][0]}' for e in entries.values()}
    assert len(seen) > 4 and set(seen) <= known
    return work_dir


class TestLearnedTokens:
    def config(self, pipeline, images, work_dir, trained, prompt):
        testing = config(pipeline, images, work_dir, prompt, 77)
        testing.load_from = str(trained / 'iter_2.pth')
        return testing

    def test_checkpoint_suffices(
        self, trained, tiny_pipeline, tiny_images, tmp_path, night, forget_runs
    ):
        prompt = dict(type='CaptionPrompt', learned_embeds=night)
        metrics = []
        for context in (no_pretrained_weights(), torch.no_grad()):
            forget_runs()
            with context:
                testing = self.config(tiny_pipeline, tiny_images, tmp_path, trained, prompt)
                metrics.append(Runner.from_cfg(write_token(testing, night)).test())
        assert metrics[0] == metrics[1]
        state = torch.load(trained / 'iter_2.pth', weights_only=True)['state_dict']
        table = state['backbone.prompt.text_encoder.model.embeddings.token_embedding.weight']
        assert len(table) == 49408

    def test_refused_without_them(self, trained, tiny_pipeline, tiny_images, tmp_path):
        prompt = dict(type='CaptionPrompt')
        testing = self.config(tiny_pipeline, tiny_images, tmp_path, trained, prompt)
        with pytest.raises(ValueError, match="learned_tokens has '<night>' in the checkpoint"):
            Runner.from_cfg(testing).test()

    def test_the_prompt_says_what_it_learned(self, trained):
        meta = torch.load(trained / 'iter_2.pth', weights_only=True)['meta']
        (described,) = (backbone['prompt'] for backbone in meta['mmtadp'])
        assert described['type'] == CaptionPrompt.__name__
        (token,) = described['learned_tokens']
        assert (token['name'], token['vectors']) == ('<night>', 2)
