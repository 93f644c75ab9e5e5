"""Pipelines that write a learned token that the backbone does not know are refused."""

import pytest
import torch
from mmcv.transforms import Compose, RandomApply, RandomChoice, TestTimeAug
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.runner import Runner
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import Subset

from mmtadp.datasets import DomainModifier
from mmtadp.engine.hooks import check_learned_tokens
from mmtadp.engine.hooks.learned_token_check import find_caption_transforms
from mmtadp.models import AverageEOSPrompt, CaptionPrompt
from tests.utils.tiny_model import WIDTH, tiny_diffusion_model
from tests.utils.tiny_runs import tiny_config

TEMPLATE = 'a dark {token} photo of a {caption}'


@pytest.fixture(scope='module')
def night(tmp_path_factory):
    path = tmp_path_factory.mktemp('night') / 'learned_embeds.safetensors'
    save_file({'<night>': torch.ones(2, WIDTH)}, path)
    return str(path)


@pytest.fixture(scope='module')
def comic(tmp_path_factory):
    path = tmp_path_factory.mktemp('comic') / 'learned_embeds.bin'
    torch.save({'<comic>': torch.ones(WIDTH)}, path)
    return str(path)


class Data(BaseDataset):
    def load_data_list(self):
        return [dict(index=i) for i in range(4)]


def modify(path) -> dict:
    return dict(type='mmtadp.DomainModifier', template=TEMPLATE, learned_embeds=path)


def dataset(*transforms) -> Data:
    return Data(pipeline=list(transforms))


WRAPPERS = {
    'itself': lambda path: dataset(modify(path)),
    'ConcatDataset': lambda path: ConcatDataset([dataset(), dataset(modify(path))]),
    'RepeatDataset': lambda path: RepeatDataset(dataset(modify(path)), times=2),
    'Subset': lambda path: Subset(ConcatDataset([dataset(modify(path)), dataset()]), [0]),
    'TestTimeAug': lambda path: dataset(
        TestTimeAug([[dict(type='RandomFlip', prob=p) for p in (0.0, 1.0)], [modify(path)]])
    ),
    'RandomChoice': lambda path: dataset(RandomChoice([[modify(path)], []])),
    'RandomApply': lambda path: dataset(RandomApply([modify(path)], prob=0.5)),
    'built': lambda path: dataset(DomainModifier(TEMPLATE, learned_embeds=path)),
    'pipeline': lambda path: Compose([modify(path)]),
    'transform': lambda path: DomainModifier(TEMPLATE, learned_embeds=path),
}


def check(prompt, data, stage='training'):
    check_learned_tokens(nn.ModuleDict(dict(prompt=prompt)), data, stage)


@pytest.mark.parametrize('wrapper', WRAPPERS)
def test_wherever_the_modifier_is(wrapper, night, comic):
    data = WRAPPERS[wrapper](night)
    assert {modifier.token for modifier in find_caption_transforms(data)} == {'<night>'}
    model = tiny_diffusion_model()
    check(CaptionPrompt(model, learned_embeds=[comic, night]), data)
    with pytest.raises(ValueError) as error:
        check(CaptionPrompt(model, learned_embeds=comic), data, 'testing')
    message = str(error.value)
    assert message.startswith("the testing pipeline writes the learned token '<night>'")
    assert f"type='CaptionPrompt', learned_embeds='{night}'" in message


def test_a_token_that_no_pipeline_writes_is_fine(night):
    prompt = CaptionPrompt(tiny_diffusion_model(), learned_embeds=night)
    null_modifier = dict(type='mmtadp.DomainModifier')
    check(prompt, dataset(null_modifier))  # does not raise


def test_a_token_of_the_pipeline_s_own_vocabulary(night):
    """As diffusers saves a whole pipeline after textual inversion."""
    model = tiny_diffusion_model()
    model.tokenizer.add_tokens('<night>')
    check(CaptionPrompt(model), dataset(modify(night)))  # does not raise


def test_a_prompt_without_captions(night):
    prompt = AverageEOSPrompt(tiny_diffusion_model(), ['cat'])
    check(prompt, dataset(modify(night)))  # does not raise


class TestStockRunner:
    def config(self, pipeline, images, work_dir, split, path):
        config = tiny_config(pipeline, images, work_dir)
        config[f'{split}_dataloader'].dataset.pipeline.insert(1, modify(path))
        config.experiment_name = config.visualizer.name = str(work_dir).replace('/', '_')
        return config

    @pytest.mark.parametrize('split, stage', [('train', 'training'), ('val', 'validation')])
    def test_training(self, tiny_pipeline, tiny_images, tmp_path, night, split, stage):
        config = self.config(tiny_pipeline, tiny_images, tmp_path, split, night)
        config.test_dataloader = config.test_cfg = config.test_evaluator = None
        with pytest.raises(ValueError, match=f"the {stage} pipeline writes .* '<night>'"):
            Runner.from_cfg(config).train()

    def test_testing(self, tiny_pipeline, tiny_images, tmp_path, night):
        config = self.config(tiny_pipeline, tiny_images, tmp_path, 'test', night)
        with pytest.raises(ValueError, match="the testing pipeline writes .* '<night>'"):
            Runner.from_cfg(config).test()
