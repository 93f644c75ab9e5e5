"""Cityscapes to other domains: numbers of the configs, and runs on several targets at once."""

import itertools

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from safetensors.torch import load_file, save_file

from mmtadp.apis import inference_model, init_model
from mmtadp.utils import testing_options
from mmtadp.utils.errors import RunError
from tests.utils.family_runs import allow_amp_on_cpu, run, tiny_version
from tests.utils.layouts_seg import write_captions, write_night_weights, write_streets
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
TEMPLATES = {
    'null_modifier': '{caption}',
    'simple': 'a dark night photo of a {caption}',
    'textual_inversion': 'a dark {token} photo of a {caption}',
    'dreambooth': 'a dashcam photo of {caption} at sks night',
    'nearby': 'a foggy photo of a {caption}',
    'unrelated': 'a watercolor painting of a {caption}',
}
NIGHT = ('dark_zurich', 'nighttime_driving', 'acdc_night')
CONDITIONS = ('fog', 'night', 'rain', 'snow')
IN_CONDITIONS = {
    'fog': 'a foggy photo of a {caption}',
    'night': 'a dark night photo of a {caption}',
    'rain': 'a rainy photo of a {caption}',
    'snow': 'a snowy photo of a {caption}',
}
NAMES = [
    *(f'tadp0_{modifier}_cityscapes2night_40k' for modifier in TEMPLATES),
    'tadp0_null_modifier_cityscapes2acdc_40k',
    'tadp0_simple_cityscapes2acdc_40k',
]
ONE_GPU = 'tadp0_null_modifier_cityscapes2night_40k_1gpu'


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


def only(pipeline: list, kind: str) -> dict:
    (found,) = [transform for transform in pipeline if transform.type == f'mmtadp.{kind}']
    return found


@pytest.mark.parametrize('name', NAMES)
def test_schedule(name):
    """Table S4 (a)."""
    config = load(name)
    wrapper = config.optim_wrapper
    assert (wrapper.optimizer.lr, wrapper.optimizer.weight_decay) == (8e-5, 5e-3)
    assert wrapper.paramwise_cfg.custom_keys == {'backbone.unet': dict(lr_mult=0.01)}
    warm, poly = config.param_scheduler
    assert (warm.start_factor, warm.end) == (1e-6, 1500)
    assert (poly.power, poly.eta_min, poly.end) == (1.0, 0.0, 40000)
    assert (config.train_cfg.max_iters, config.train_cfg.val_interval) == (40000, 4000)
    assert config.train_dataloader.batch_size == 2
    assert config.model.test_cfg == dict(mode='slide', crop_size=(512, 512), stride=(341, 341))
    # Nothing is chosen by its score on the targets.
    assert config.default_hooks.checkpoint.save_best is None


def test_one_gpu_has_the_schedule_of_its_base():
    config, base = load(ONE_GPU), load('tadp0_null_modifier_cityscapes2night_40k')
    accumulated = config.optim_wrapper.accumulative_counts
    assert config.train_dataloader.batch_size * accumulated == base.train_dataloader.batch_size
    assert config.train_cfg.max_iters == accumulated * base.train_cfg.max_iters
    assert [s.end for s in config.param_scheduler] == [
        accumulated * s.end for s in base.param_scheduler
    ]
    assert config.optim_wrapper.dtype == 'bfloat16' and config.model.backbone.with_cp
    assert config.optim_wrapper.optimizer == base.optim_wrapper.optimizer
    assert config.val_dataloader == base.val_dataloader


@pytest.mark.parametrize('name', NAMES)
def test_captions_and_templates(name):
    config = load(name)
    modifier, targets = name.removeprefix('tadp0_').split('_cityscapes2')
    domains = NIGHT if targets.startswith('night') else CONDITIONS
    templates = dict.fromkeys(domains, TEMPLATES[modifier])
    train_template = TEMPLATES[modifier]
    if name == 'tadp0_simple_cityscapes2acdc_40k':
        templates, train_template = IN_CONDITIONS, '{caption}'
    files = dict.fromkeys(domains, 'acdc') | dict(
        dark_zurich='dark_zurich', nighttime_driving='nighttimedriving'
    )

    train = config.train_dataloader.dataset.pipeline
    assert only(train, 'DomainModifier').template == train_template
    file = only(train, 'CaptionLoadTransform').ann_file
    assert file == 'data/captions/cityscapes_captions_min=0_max=77.json'
    single_scale = [part.pipeline for part in config.test_dataloader.dataset.datasets]
    assert [part.pipeline for part in config.val_dataloader.dataset.datasets] == single_scale
    for pipelines in (single_scale, config.tta_pipeline):
        assert [only(pipeline, 'SetDomain').domain for pipeline in pipelines] == list(domains)
        for domain, pipeline in zip(domains, pipelines):
            assert only(pipeline, 'DomainModifier').template == templates[domain]
            file = only(pipeline, 'CaptionLoadTransform').ann_file
            assert file == f'data/captions/{files[domain]}_captions_min=0_max=77.json'
    learned = {
        t.get('learned_embeds')
        for pipeline in (train, *single_scale, *config.tta_pipeline)
        for t in pipeline
        if t.type == 'mmtadp.DomainModifier'
    }
    token = 'data/tokens/night/learned_embeds.safetensors'
    expected = token if modifier == 'textual_inversion' else None
    assert learned == {expected}
    assert config.model.backbone.prompt.get('learned_embeds') == expected
    unet = 'data/dreambooth/night/unet' if modifier == 'dreambooth' else None
    assert config.model.backbone.get('unet') == unet


@pytest.fixture
def streets(tmp_path, monkeypatch, tiny_pipeline):
    captions = write_streets(tmp_path / 'data')
    write_night_weights(tmp_path / 'data', tiny_pipeline)
    monkeypatch.chdir(tmp_path)
    return captions


def tested_captions(prompted: list) -> list[str]:
    """Captions of tested images in order, each once for all its windows."""
    tested = [caption for training, batch in prompted if not training for caption in batch]
    return [caption for caption, _ in itertools.groupby(tested)]


# The other modifiers differ from these in words alone.
RUNS = [
    *(
        f'tadp0_{name}_cityscapes2night_40k'
        for name in ('null_modifier', 'textual_inversion', 'dreambooth')
    ),
    'tadp0_simple_cityscapes2acdc_40k',
    ONE_GPU,
]


@pytest.mark.parametrize('name', RUNS)
def test_run(name, streets, tiny_pipeline, tmp_path, monkeypatch, prompted):
    """Trains, and scores all targets in one run."""
    allow_amp_on_cpu(monkeypatch)
    config = load(name)
    # Batch norm needs more than one position of a single image.
    shrink = 4 if config.train_dataloader.batch_size == 1 else 8
    config = tiny_version(config, tiny_pipeline, tmp_path / 'run', shrink)
    runner = run(config)
    runner.train()
    in_night = 'cityscapes2night' in name
    domains = NIGHT if in_night else CONDITIONS
    scalars = runner.message_hub.log_scalars
    scores = [scalars[f'val/{domain}/mIoU'].current() for domain in domains]
    assert all(0 <= score <= 100 for score in scores)
    assert scalars['val/mean/mIoU'].current() == pytest.approx(np.mean(scores))
    assert not list(tmp_path.glob('run/best_*'))
    assert (tmp_path / 'run' / 'iter_2.pth').is_file()

    modifier = name.removeprefix('tadp0_').split('_cityscapes2')[0]
    template = TEMPLATES[modifier].replace('{token}', '<night>')
    template = '{caption}' if (in_night, modifier) == (False, 'simple') else template
    trained = {caption for training, batch in prompted if training for caption in batch}
    worded = {template.format(caption=caption) for caption in streets['cityscapes']}
    assert trained and trained <= worded
    templates = dict.fromkeys(domains, template)
    if template != TEMPLATES[modifier].replace('{token}', '<night>'):
        templates = IN_CONDITIONS
    assert tested_captions(prompted) == [
        templates[domain].format(caption=caption)
        for domain in domains
        for caption in streets[domain.removeprefix('acdc_')]
    ]


def test_templates_of_training_and_testing_are_apart(streets, tiny_pipeline, tmp_path, prompted):
    (tmp_path / 'config.py').write_text(
        f"""_base_ = '{CONFIGS}/tadp0_simple_cityscapes2night_40k.py'
train_pipeline = [_base_.load_train_caption, *_base_.train_transforms]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
"""
    )
    config = Config.fromfile(tmp_path / 'config.py')
    run(tiny_version(config, tiny_pipeline, tmp_path / 'run')).train()
    trained = {caption for training, batch in prompted if training for caption in batch}
    assert trained <= set(streets['cityscapes'])
    assert all(c.startswith('a dark night photo of a street') for c in tested_captions(prompted))


def test_dreambooth_replaces_the_unet(streets, tiny_pipeline, tmp_path):
    file = tmp_path / 'data' / 'dreambooth' / 'night' / 'unet'
    file /= 'diffusion_pytorch_model.safetensors'
    weights = load_file(file)
    save_file({key: value + 1 for key, value in weights.items()}, file)
    built = {}
    for modifier in ('null_modifier', 'dreambooth'):
        config = load(f'tadp0_{modifier}_cityscapes2night_40k')
        runner = run(tiny_version(config, tiny_pipeline, tmp_path / modifier))
        built[modifier] = runner.model.backbone
    plain, dreambooth = (backbone.state_dict() for backbone in built.values())
    changed = {key.split('.')[0] for key in plain if not torch.equal(plain[key], dreambooth[key])}
    assert changed == {'unet'}
    assert torch.allclose(dreambooth['unet.conv_in.bias'], plain['unet.conv_in.bias'] + 1)


def test_test_time_augmentation_and_saved_predictions(streets, tiny_pipeline, tmp_path, prompted):
    config = load('tadp0_simple_cityscapes2acdc_40k')
    config = tiny_version(config, tiny_pipeline, tmp_path / 'run')
    for pipeline in config.tta_pipeline:
        scales, *others = pipeline[-1].transforms
        pipeline[-1].transforms = [scales[:1], *others]
    testing_options.use_tta(config)
    testing_options.save_predictions_to(config, str(tmp_path / 'predictions'))
    metrics = run(config).test()
    scores = [metrics[f'{domain}/mIoU'] for domain in CONDITIONS]
    assert metrics['mean/mIoU'] == pytest.approx(np.mean(scores))
    assert tested_captions(prompted) == [
        IN_CONDITIONS[domain].format(caption=caption)
        for domain in CONDITIONS
        for caption in streets[domain]
    ]
    predictions = sorted(path.name for path in (tmp_path / 'predictions').iterdir())
    assert predictions == [f'GOPR047{i}_frame_000154_rgb_anon.png' for i in range(4)]


def test_one_tta_pipeline_for_all_targets_is_refused():
    config = load('tadp0_null_modifier_cityscapes2acdc_40k')
    config.tta_pipeline = config.tta_pipeline[0]
    with pytest.raises(RunError, match='tests on 4 datasets, so .* 4 pipelines.* has 0'):
        testing_options.use_tta(config)


def test_inference(streets, tiny_pipeline, tmp_path):
    config = load('tadp0_simple_cityscapes2night_40k')
    model = init_model(tiny_version(config, tiny_pipeline, tmp_path / 'run'))
    image = next((tmp_path / 'data' / 'acdc' / 'rgb_anon' / 'fog').glob('**/*.png'))
    (result,) = inference_model(model, [image], ['a foggy street'])
    assert result.pred_sem_seg.shape == (135, 240)
    assert result.caption == 'a foggy street'
    with pytest.raises(ValueError, match='tests on 3 datasets'):
        inference_model(model, [image])


class TestRealImages:
    def dataset(self, loader, **options):
        with DefaultScope.overwrite_default_scope('mmseg'):
            return DATASETS.build(dict(loader.dataset, **options))

    def test_cityscapes(self, shared, tmp_path, monkeypatch):
        """As a training image: twice as wide as high, so 1280 x 640, of which 512 x 512 is cut."""
        name = 'frankfurt/frankfurt_000000_000294_leftImg8bit.png'
        monkeypatch.chdir(tmp_path)
        config = load('tadp0_simple_cityscapes2night_40k')
        captions = config.load_train_caption.ann_file
        write_captions(tmp_path / captions, {name: 'a street in frankfurt'})
        (tmp_path / 'data' / 'cityscapes').symlink_to(shared / 'samples' / 'cityscapes')
        prefix = dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val')
        (packed,) = self.dataset(config.train_dataloader, data_prefix=prefix)
        sample = packed['data_samples']
        assert packed['inputs'].shape == (3, 512, 512)
        assert sample.gt_sem_seg.shape == (512, 512)
        height, width = sample.ori_shape
        assert width == 2 * height
        assert sample.scale_factor == (1280 / width, 640 / height)
        assert sample.caption == 'a dark night photo of a a street in frankfurt'
        labels = set(sample.gt_sem_seg.data.unique().tolist())
        assert len(labels) > 3 and labels <= {*range(19), 255}

    def test_camvid(self, shared, tmp_path, monkeypatch):
        """As target images: other files, another size, the same pipeline."""
        monkeypatch.chdir(tmp_path)
        config = load('tadp0_null_modifier_cityscapes2night_40k')
        images = sorted((shared / 'camvid' / 'images' / 'validation').glob('*.png'))
        target = config.test_dataloader.dataset.datasets[0]
        captions = only(target.pipeline, 'CaptionLoadTransform').ann_file
        write_captions(tmp_path / captions, {image.name: 'a street' for image in images})
        target.update(
            type='BaseSegDataset',
            data_root=str(shared / 'camvid'),
            data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
            img_suffix='.png',
        )
        with DefaultScope.overwrite_default_scope('mmseg'):
            dataset = DATASETS.build(target)
        assert len(dataset) == len(images) == 26
        packed = dataset[0]
        sample = packed['data_samples']
        # 480 x 360 at most 1024 x 512.
        assert packed['inputs'].shape == (3, 512, 683)
        assert sample.gt_sem_seg.shape == sample.ori_shape == (360, 480)
        assert (sample.caption, sample.domain) == ('a street', 'dark_zurich')
