"""The configs on ShapeScenes: each trained and tested on a few scenes by the stock runner."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from safetensors.torch import load_file, save_file

from mmtadp.datasets.shapescenes import write_dataset
from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion.tiny.pipeline import build_unet
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
SIZE = 64
TARGETS = ('night', 'watercolour')
# Sentences of the two targets; training draws from both, but where a U-Net has learnt one domain.
MODIFIERS = {
    'plain': ('{}', '{}'),
    'simple': ('a dark night photo of {}', 'a watercolor painting of {}'),
    'textual_inversion': ('a dark <night> photo of {}', 'a <watercolour> style painting of {}'),
    'dreambooth': ('a photo of {} at sks night', '{}'),
    'nearby': ('a foggy photo of {}', 'a constructivism painting of {}'),
    'unrelated': ('a comic style painting of {}', 'a dashcam photo of {}'),
}
DAY2NIGHT = [f'tadp_{modifier}_shapes_day2night_demo' for modifier in MODIFIERS]
DEMOS = ['tadp_shapes_demo', 'tadp_shapes_depth_demo', 'tadp_shapes_detection_demo']


@pytest.fixture(scope='module')
def shapes(tmp_path_factory, demo_pipeline) -> Path:
    """A folder with all that the configs name: scenes, pipeline, tokens, DreamBoothed U-Net."""
    folder = tmp_path_factory.mktemp('project')
    root = folder / 'data' / 'shapescenes'
    write_dataset(root, ['day', *TARGETS], num_training=4, num_validation=3, size=SIZE)
    (root / 'tiny_pipeline').symlink_to(demo_pipeline)
    # Another seed's U-Net stands for one that has been trained further.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        build_unet().save_pretrained(root / 'dreambooth' / 'night' / 'unet')
    for index, target in enumerate(TARGETS):
        (root / 'tokens' / target).mkdir(parents=True)
        vectors = torch.randn(2, 128, generator=torch.Generator().manual_seed(index))
        file = root / 'tokens' / target / 'learned_embeds.safetensors'
        save_file({f'<{target}>': vectors}, file)
    return folder


@pytest.fixture
def runner_of(shapes, tmp_path, monkeypatch):
    """Makes the stock runner of a config, for two iterations."""

    def build(name: str) -> Runner:
        config = Config.fromfile(CONFIGS / f'{name}.py')
        for split in ('train', 'val', 'test'):
            loader = config[f'{split}_dataloader']
            loader.update(num_workers=0, persistent_workers=False, batch_size=2)
        if 'size' in config.model.data_preprocessor:
            config.model.data_preprocessor.size = (SIZE, SIZE)
        config.train_cfg.update(max_iters=2, val_interval=2)
        config.default_hooks.logger.interval = 1
        config.visualizer.vis_backends = [dict(type='LocalVisBackend')]
        config.visualizer.name = config.experiment_name = name
        config.work_dir, config.launcher = str(tmp_path / name), 'none'
        return Runner.from_cfg(config)

    monkeypatch.chdir(shapes)
    return build


@pytest.fixture
def prompts(monkeypatch) -> list:
    """What the backbone is given, forward by forward: (training, captions, domains)."""
    seen = []
    set_prompts = TADPUNetBackbone.set_prompts

    def record(self, samples):
        captions = [sample['caption'] for sample in samples]
        seen.append((self.training, captions, [sample.get('domain') for sample in samples]))
        return set_prompts(self, samples)

    monkeypatch.setattr(TADPUNetBackbone, 'set_prompts', record)
    return seen


def losses(runner: Runner) -> list[float]:
    (file,) = Path(runner.log_dir).glob('vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line['loss'] for line in lines if 'loss' in line]


def test_all_are_known():
    assert sorted(path.stem for path in CONFIGS.glob('*_shapes_*.py')) == sorted(DAY2NIGHT + DEMOS)
    assert len(DAY2NIGHT + DEMOS) == 9


@pytest.mark.parametrize(
    ('name', 'key', 'low', 'high'),
    (
        ('tadp_shapes_demo', 'mIoU', 0, 20),
        # Hardly trained: half of the farthest depth everywhere.
        ('tadp_shapes_depth_demo', 'abs_rel', 0.4, 2),
        ('tadp_shapes_detection_demo', 'coco/bbox_mAP_50', 0, 0.2),
    ),
)
def test_demo(runner_of, prompts, name, key, low, high):
    runner = runner_of(name)
    runner.train()
    assert len(losses(runner)) == 2 and all(0 < loss < 10 for loss in losses(runner))
    scores = runner.test()
    assert low <= scores[key] < high
    # 2 batches of 2 to train on; then 3 scenes in 2 batches, for validation and for the test.
    assert [(training, len(captions)) for training, captions, _ in prompts] == [
        (True, 2),
        (True, 2),
        *[(False, 2), (False, 1)] * 2,
    ]
    entries = json.loads(Path('data/shapescenes/day/captions.json').read_text())
    expected = [entries[f'validation_{i:06d}']['captions'][0] for i in range(3)]
    assert [caption for _, captions, _ in prompts[-2:] for caption in captions] == expected


@pytest.mark.parametrize('modifier', MODIFIERS)
def test_day_to_night_and_watercolour(runner_of, prompts, modifier):
    runner = runner_of(f'tadp_{modifier}_shapes_day2night_demo')
    runner.train()
    assert all(0 < loss < 10 for loss in losses(runner))
    prompts_of_training = [prompt for prompt in prompts if prompt[0]]
    prompts.clear()
    scores = runner.test()
    assert {f'{domain}/mIoU' for domain in (*TARGETS, 'mean')} <= scores.keys()
    assert scores['mean/mIoU'] == pytest.approx(
        (scores['night/mIoU'] + scores['watercolour/mIoU']) / 2
    )

    entries = json.loads(Path('data/shapescenes/day/captions.json').read_text())
    plain = {stem: entry['captions'][0] for stem, entry in entries.items()}
    validation = [plain[f'validation_{i:06d}'] for i in range(3)]
    sentences = dict(zip(TARGETS, MODIFIERS[modifier]))
    tested = [
        (domain, caption)
        for _, captions, domains in prompts
        for domain, caption in zip(domains, captions)
    ]
    assert tested == [
        (domain, sentences[domain].format(caption)) for domain in TARGETS for caption in validation
    ]
    taught = [sentences['night']] if modifier == 'dreambooth' else sentences.values()
    allowed = {
        sentence.format(plain[f'training_{i:06d}']) for sentence in taught for i in range(4)
    }
    trained = [caption for _, captions, _ in prompts_of_training for caption in captions]
    assert len(trained) == 4 and set(trained) <= allowed


def test_the_targets_modifiers_are_drawn_in_training(runner_of):
    dataset = runner_of('tadp_simple_shapes_day2night_demo').train_dataloader.dataset
    drawn = [dataset[i % 4]['data_samples'].caption for i in range(40)]
    night = sum(caption.startswith('a dark night photo of ') for caption in drawn)
    assert 8 <= night <= 32
    assert sum(caption.startswith('a watercolor painting of ') for caption in drawn) == 40 - night


def test_the_u_net_is_the_dreamboothed_one(runner_of):
    runner = runner_of('tadp_dreambooth_shapes_day2night_demo')
    model = runner.model
    (file,) = Path('data/shapescenes/dreambooth/night/unet').glob('*.safetensors')
    expected = load_file(file)['conv_in.weight']
    pipeline = load_file('data/shapescenes/tiny_pipeline/unet/' + file.name)['conv_in.weight']
    assert torch.equal(model.backbone.unet.conv_in.weight, expected)
    assert not torch.equal(expected, pipeline)


def test_no_caption_names_a_domain(shapes):
    """There is nothing to clean in the captions of the targets."""
    captions = [
        json.loads((shapes / f'data/shapescenes/{domain}/captions.json').read_text())
        for domain in ('day', *TARGETS)
    ]
    assert captions[0] == captions[1] == captions[2]
    words = set(re.findall('[a-z]+', json.dumps(captions)))
    assert not words & {'day', 'night', 'dark', 'watercolour', 'watercolor', 'painting', 'photo'}
