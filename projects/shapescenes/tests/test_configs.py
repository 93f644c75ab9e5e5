"""The configs on ShapeScenes: each trained and tested on a few scenes by the stock runner."""

import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from safetensors.torch import load_file, save_file

from mmtadp.models import no_pretrained_weights
from projects.shapescenes.generator import CLASSES, write_dataset
from projects.shapescenes.tinysd.networks import build_unet
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'projects' / 'shapescenes' / 'configs'
DATA = Path('data/shapescenes')
SIZE = 64
NUM_SCENES = dict(training=4, validation=3)
SENTENCES = {
    'night': {
        'null_modifier': '{}',
        'simple': 'a dark night photo of {}',
        'textual_inversion': 'a dark <night> photo of {}',
        'dreambooth': 'a photo of {} at sks night',
        'nearby': 'a foggy photo of {}',
        'unrelated': 'a watercolor painting of {}',
    },
    'watercolor': {
        'null_modifier': '{}',
        'simple': 'a watercolor painting of {}',
        'textual_inversion': 'a <watercolor> style painting of {}',
        'dreambooth': 'a sks style painting of {}',
        'nearby': 'a comic style painting of {}',
        'unrelated': 'a dark night photo of {}',
    },
}
# What a prompt is made of: the captions by day in training and those of a domain in testing, and
# the sentence around them.
CAPTIONED = {
    'tadp_shapescenes': ('long', 'day', 'long', '{}'),
    'tadp_short_shapescenes': ('short', 'day', 'short', '{}'),
    'tadp_nouns_shapescenes': ('nouns', 'day', 'nouns', '{}'),
    'tadp_ta_shapescenes': ('long', 'day', 'long', '{}'),
    'tadp_no_latent_scaling_shapescenes': ('long', 'day', 'long', '{}'),
    'tadp_scratch_shapescenes': ('long', 'day', 'long', '{}'),
    'tadp_shapescenes_depth': ('long', 'day', 'long', '{}'),
    'tadp_shapescenes_detection': ('long', 'day', 'long', '{}'),
    **{
        f'tadp_{modifier}_shapescenes_day2{target}': ('long', target, 'clean', sentence)
        for target, sentences in SENTENCES.items()
        for modifier, sentence in sentences.items()
    },
}
UNCAPTIONED = {
    'null_shapescenes': 'NullTextPrompt',
    'null_shapescenes_depth': 'NullTextPrompt',
    'null_shapescenes_detection': 'NullTextPrompt',
    'average_eos_shapescenes': 'AverageEOSPrompt',
    'class_embeddings_shapescenes': 'ClassEmbeddingsPrompt',
    'class_names_shapescenes': 'ClassNamesPrompt',
}
# Precision and recall.
ORACLES = {
    'oracle_shapescenes': (1.0, 1.0),
    'oracle_shapescenes_detection': (1.0, 1.0),
    **{
        f'oracle_p{precision}_r{recall}_shapescenes': (precision / 100, recall / 100)
        for precision, recall in product((50, 75, 100), repeat=2)
        if (precision, recall) != (100, 100)
    },
}
UNETS = {
    'tadp_scratch_shapescenes': DATA / 'untrained' / 'unet',
    **{
        f'tadp_dreambooth_shapescenes_day2{target}': DATA / 'dreambooth' / target / 'unet'
        for target in SENTENCES
    },
}
# Parameters of TinySD's U-Net without its output layers, and of a text adapter of its width.
UNET, TEXT_ADAPTER = 4_927_776, 33_152
# Hardly trained: few pixels are right, and half of the farthest depth is everywhere.
SCORES = {'depth': ('abs_rel', 0.4, 2), 'detection': ('coco/bbox_mAP_50', 0, 0.2)}


def stem(split: str, index: int) -> str:
    return f'{split}_{index:06d}'


def caption(kind: str, domain: str, split: str, index: int) -> str:
    return f'a {kind} caption by {domain} of {split} scene {index}'


@pytest.fixture(scope='module')
def shapes(tmp_path_factory, tinysd) -> Path:
    """A folder with all that the configs name: scenes, captions, models, tokens."""
    folder = tmp_path_factory.mktemp('project')
    root = folder / DATA
    numbers = {f'num_{split}': number for split, number in NUM_SCENES.items()}
    write_dataset(root, ['day', *SENTENCES], **numbers, size=SIZE)
    for domain, kind in [('day', 'long'), ('day', 'short'), ('day', 'nouns')] + [
        (target, 'clean') for target in SENTENCES
    ]:
        entries = {
            f'{split}/{stem(split, i)}.png': dict(captions=[caption(kind, domain, split, i)])
            for split, number in NUM_SCENES.items()
            for i in range(number)
        }
        (root / domain / f'captions_{kind}.json').write_text(json.dumps(entries))
    (root / 'tinysd').symlink_to(tinysd)
    # Another seed's U-Net stands for those that are not TinySD's own.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        build_unet().save_pretrained(folder / 'unet')
    for place in UNETS.values():
        (folder / place).parent.mkdir(parents=True)
        (folder / place).symlink_to(folder / 'unet')
    for index, target in enumerate(SENTENCES):
        (root / 'tokens' / target).mkdir(parents=True)
        vectors = torch.randn(2, 128, generator=torch.Generator().manual_seed(index))
        file = root / 'tokens' / target / 'learned_embeds.safetensors'
        save_file({f'<{target}>': vectors}, file)
    return folder


@pytest.fixture
def run(shapes, tmp_path, monkeypatch, prompted):
    """Trains a config for two iterations and tests it; both with the stock runner."""

    def _run(name: str) -> Runner:
        config = Config.fromfile(CONFIGS / f'{name}.py')
        for split in ('train', 'val', 'test'):
            config[f'{split}_dataloader'].batch_size = 2
        if 'size' in config.model.data_preprocessor:
            config.model.data_preprocessor.size = (SIZE, SIZE)
        config.train_cfg.max_iters = 2
        # The test below replaces the validation.
        assert config.val_dataloader == config.test_dataloader
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.default_hooks.logger.interval = 1
        config.default_hooks.checkpoint.save_last = False
        config.visualizer.vis_backends = [dict(type='LocalVisBackend')]
        config.visualizer.name = config.experiment_name = name
        config.work_dir, config.launcher = str(tmp_path / name), 'none'
        runner = Runner.from_cfg(config)
        check_unet(runner, UNETS.get(name))
        runner.train()
        check_training(runner)
        key, low, high = SCORES.get(name.rpartition('_')[2], ('mIoU', 0, 20))
        assert low <= runner.test()[key] < high
        # 2 batches of 2 to train on, and 3 scenes to test on.
        assert [training for training, _ in prompted] == [True, True, False, False]
        return runner

    monkeypatch.chdir(shapes)
    return _run


def check_unet(runner: Runner, place: Path | None) -> None:
    """The U-Net is the one in ``place``, or TinySD's."""
    assert runner.cfg.model.backbone.get('unet') == (str(place) if place else None)
    (file,) = (place or DATA / 'tinysd' / 'unet').glob('*.safetensors')
    expected = load_file(file)['conv_in.weight'].float()
    assert torch.equal(runner.model.backbone.unet.conv_in.weight, expected)


def check_training(runner: Runner) -> None:
    """Losses are sound; there is one learning rate, and norms do not decay."""
    (file,) = Path(runner.log_dir).glob('vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == 2 and all(0 < loss < 10 for loss in losses)
    unet = {id(p): name for name, p in runner.model.backbone.unet.named_parameters()}
    decay = runner.cfg.optim_wrapper.optimizer.weight_decay
    decays = set()
    for group in runner.optim_wrapper.param_groups:
        (parameter,) = group['params']
        if parameter.requires_grad:
            assert group['initial_lr'] == pytest.approx(runner.cfg.lr)
            decays.add((('norm' in unet.get(id(parameter), 'weight')), group['weight_decay']))
    assert {(True, 0.0), (False, decay)} <= decays and (True, decay) not in decays


def captions_of(prompted: list, training: bool) -> list[str]:
    return [text for is_training, texts in prompted if is_training == training for text in texts]


def present(index: int) -> list[str]:
    """Names of the classes in a validation scene, in their order."""
    file = DATA / 'day' / 'annotations' / 'validation' / f'{stem("validation", index)}.png'
    labels = np.unique(cv2.imread(str(file), cv2.IMREAD_UNCHANGED))
    return [CLASSES[label] for label in labels if label]


def test_all_are_known():
    names = sorted([*CAPTIONED, *UNCAPTIONED, *ORACLES])
    assert sorted(path.stem for path in CONFIGS.glob('*.py')) == names
    assert (len(CAPTIONED), len(UNCAPTIONED), len(ORACLES)) == (20, 6, 10)


@pytest.mark.parametrize('name', [*CAPTIONED, *UNCAPTIONED, *ORACLES])
def test_size(shapes, monkeypatch, name):
    monkeypatch.chdir(shapes)
    config = Config.fromfile(CONFIGS / f'{name}.py')
    with (
        DefaultScope.overwrite_default_scope(config.default_scope),
        torch.device('meta'),
        no_pretrained_weights(),
    ):
        model = MODELS.build(config.model)
    backbone = model.backbone
    classes = name.startswith(('average_eos', 'class_embeddings'))
    num_tokens = len(CLASSES) if classes else 77
    assert backbone.prompt.num_tokens == num_tokens
    task = name.rpartition('_')[2]
    maps = 0 if task == 'depth' else num_tokens
    assert backbone.out_channels == (48, 96 + maps, 96 + maps, 96)
    trained = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
    assert trained == UNET + (TEXT_ADAPTER if '_ta_' in name else 0)
    assert (backbone.vae.scale == 1) == ('_no_latent_scaling_' in name)
    assert (config.default_scope, type(model).__name__) == dict(
        depth=('mmseg', 'DepthEstimator'), detection=('mmdet', 'FasterRCNN')
    ).get(task, ('mmseg', 'EncoderDecoder'))


@pytest.mark.parametrize('name', CAPTIONED)
def test_captioned(run, prompted, name):
    run(name)
    kind, target, test_kind, sentence = CAPTIONED[name]
    taught = {
        sentence.format(caption(kind, 'day', 'training', i)) for i in range(NUM_SCENES['training'])
    }
    trained = captions_of(prompted, training=True)
    assert len(trained) == 4 and set(trained) <= taught
    assert captions_of(prompted, training=False) == [
        sentence.format(caption(test_kind, target, 'validation', i))
        for i in range(NUM_SCENES['validation'])
    ]


@pytest.mark.parametrize('name', UNCAPTIONED)
def test_uncaptioned(run, prompted, name):
    runner = run(name)
    prompt = runner.model.backbone.prompt
    assert type(prompt).__name__ == UNCAPTIONED[name]
    assert prompt.class_names == (None if name.startswith('null') else list(CLASSES))
    assert captions_of(prompted, True) == captions_of(prompted, False) == []
    # There is none to load either.
    sample = runner.test_dataloader.dataset[0]['data_samples']
    assert 'caption' not in sample.metainfo


@pytest.mark.parametrize('name', ORACLES)
def test_oracle(run, prompted, name):
    runner = run(name)
    precision, recall = ORACLES[name]
    for loader in (runner.train_dataloader, runner.test_dataloader):
        oracle = loader.dataset.pipeline.transforms[-2]
        assert (oracle.precision, oracle.recall) == (precision, recall)
    captions = captions_of(prompted, training=False)
    assert len(captions_of(prompted, training=True)) == 4 and len(captions) == 3
    for index, text in enumerate(captions):
        named, there = text.split(), present(index)
        right = [label for label in named if label in there]
        # In the order of the classes, whether or not they are all right.
        assert named == [label for label in CLASSES if label in named]
        assert 'background' not in named
        assert recall < 1 or right == there
        assert precision < 1 or right == named
    if (precision, recall) != (1, 1):
        assert captions != [' '.join(present(index)) for index in range(3)]


@pytest.mark.parametrize(
    'name', ('tadp_shapescenes', 'tadp_shapescenes_depth', 'tadp_shapescenes_detection')
)
def test_the_first_scenes_are_labelled(shapes, monkeypatch, name):
    monkeypatch.chdir(shapes)
    config = Config.fromfile(CONFIGS / f'{name}.py')
    dataset = config.train_dataloader.dataset
    assert dataset.indices == config.num_labelled
    for indices, expected in ((3, [0, 1, 2]), (-1, [3])):
        with DefaultScope.overwrite_default_scope(config.default_scope):
            built = DATASETS.build(dict(dataset, indices=indices))
        stems = [Path(built.get_data_info(i)['img_path']).stem for i in range(len(built))]
        assert stems == [stem('training', i) for i in expected]


@pytest.mark.parametrize('name', [name for name in CAPTIONED | UNCAPTIONED if 'detection' in name])
def test_detection_needs_nothing_of_mmseg(name):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    assert config.default_scope == 'mmdet' and 'mmseg' not in str(config.to_dict())
