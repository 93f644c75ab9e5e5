"""Detection from Pascal VOC to Watercolor2k and Comic2k: numbers of the configs, and tiny runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.datasets import VOCDataset
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS, DefaultScope

from tests.utils.family_runs import run, tiny_version
from tests.utils.layouts_det import write_detection, write_token
from tests.utils.paths import REPOSITORY
from tests.utils.tiny_model import tiny_diffusion_model

CONFIGS = REPOSITORY / 'configs' / 'tadp'
# As the published code spells them.
TEMPLATES = {
    'watercolor': dict(
        null_modifier='{caption}',
        simple='a watercolor painting of a {caption}',
        textual_inversion='a {token} style painting of a {caption}',
        dreambooth='a sks style painting of a {caption}',
        nearby='a constructivism painting of a {caption}',
        unrelated='a dashcam photo of a {caption}',
    ),
    'comic': dict(
        null_modifier='{caption}',
        simple='a comic style painting of a {caption}',
        textual_inversion='a {token} style painting of a {caption}',
        dreambooth='a sks style painting of a {caption}',
        nearby='a constructivism painting of a {caption}',
        unrelated='a dashcam photo of a {caption}',
    ),
}
CASES = [(domain, modifier) for domain in TEMPLATES for modifier in TEMPLATES[domain]]
SHARED_CLASSES = ('bicycle', 'bird', 'car', 'cat', 'dog', 'person')


def load(domain: str, modifier: str, suffix: str = '') -> Config:
    return Config.fromfile(CONFIGS / f'tadp_{modifier}_voc2{domain}_100e{suffix}.py')


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_detection(tmp_path / 'data')


@pytest.mark.parametrize(('domain', 'modifier'), CASES)
def test_hyper_parameters(domain, modifier):
    """Table S4 (b), and what the published code takes from torchvision."""
    config = load(domain, modifier)
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-5, 0.01)
    assert 'custom_keys' not in config.optim_wrapper.paramwise_cfg  # one rate for all
    assert config.train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
    assert (config.train_dataloader.batch_size, config.auto_scale_lr.base_batch_size) == (2, 2)
    model = config.model
    assert model.backbone.latent_scaling
    assert model.data_preprocessor.mean == model.data_preprocessor.std == [127.5] * 3
    assert (model.neck.in_channels, model.neck.num_outs) == ([320, 717, 1357, 1280], 4)
    anchors = model.rpn_head.anchor_generator
    sizes = [anchors.scales[0] * stride for stride in anchors.strides]
    assert (sizes, anchors.ratios) == ([32, 64, 128, 256], [0.5, 1.0, 2.0])
    extractor = model.roi_head.bbox_roi_extractor
    assert extractor.featmap_strides == anchors.strides == [8, 16, 32, 64]
    assert (extractor.roi_layer.output_size, extractor.roi_layer.sampling_ratio) == (7, 2)
    assert model.roi_head.bbox_head.num_classes == 20
    assert (model.test_cfg.rcnn.score_thr, model.test_cfg.rcnn.max_per_img) == (0.05, 100)


def test_boxes_go_to_the_levels_of_torchvision():
    """floor(4 + log2(sqrt(area) / 224)), of which stride 8 is level 3."""
    extractor = MODELS.build(
        dict(
            load('comic', 'null_modifier').model.roi_head.bbox_roi_extractor,
            type='mmdet.SingleRoIExtractor',
        )
    )
    sides = torch.tensor([20.0, 111, 223, 225, 447, 449, 511])
    boxes = torch.stack([0 * sides, 0 * sides, 0 * sides, sides, sides], dim=1)
    published = (torch.floor(4 + torch.log2(sides / 224)).clamp(3, 6) - 3).long()
    assert extractor.map_roi_levels(boxes, 4).tolist() == published.tolist()
    assert published.tolist() == [0, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(('domain', 'modifier'), CASES)
def test_modifiers(domain, modifier):
    """Captions are modified alike in training and testing (Sec. 4.3)."""
    config = load(domain, modifier)
    parts = config.train_dataloader.dataset.datasets
    assert [part.ann_file.split('/')[0] for part in parts] == ['VOC2007', 'VOC2012']
    source = 'data/captions/pascal_object_captions_min40_max77.json'
    target = f'data/captions/{domain}_captions.json'
    pipelines = [(source, part.pipeline) for part in parts]
    for loader in (config.val_dataloader, config.test_dataloader):
        assert loader.dataset.type == f'mmtadp.{domain.title()}2kDataset'
        assert loader.dataset.ann_file == 'ImageSets/Main/test.txt'
        assert loader.dataset.metainfo.classes == VOCDataset.METAINFO['classes']
        pipelines.append((target, loader.dataset.pipeline))
    token = f'data/tokens/{domain}/learned_embeds.safetensors'
    if modifier != 'textual_inversion':
        token = None
    for captions, pipeline in pipelines:
        assert (pipeline[0].type, pipeline[0].ann_file) == (
            'mmtadp.CaptionLoadTransform',
            captions,
        )
        found = [t for t in pipeline if t.type == 'mmtadp.DomainModifier']
        assert len(found) == (modifier != 'null_modifier')
        for transform in found:
            assert transform.template == TEMPLATES[domain][modifier]
            assert transform.get('learned_embeds') == token
    assert config.model.backbone.prompt.get('learned_embeds') == token
    unet = f'data/dreambooth/{domain}/unet' if modifier == 'dreambooth' else None
    assert config.model.backbone.get('unet') == unet


@pytest.mark.parametrize(('domain', 'modifier'), CASES)
def test_pipelines(domain, modifier):
    """512 x 512 whatever the aspect ratio, no flip, and what hook and metrics need as metainfo."""
    config = load(domain, modifier)
    for pipeline, keys in (
        (config.train_dataloader.dataset.datasets[0].pipeline, {'caption'}),
        (config.test_dataloader.dataset.pipeline, {'caption', 'instances', 'img_id'}),
    ):
        resize = [transform for transform in pipeline if transform.type == 'Resize']
        assert [(r.scale, r.keep_ratio) for r in resize] == [((512, 512), False)]
        assert not [transform for transform in pipeline if 'Flip' in transform.type]
        assert keys <= set(pipeline[-1].meta_keys)


def test_smaller_gpu():
    config = load('watercolor', 'null_modifier', '_1gpu')
    wrapper = config.optim_wrapper
    assert config.model.backbone.with_cp
    assert (wrapper.type, wrapper.dtype, wrapper.loss_scale) == (
        'AmpOptimWrapper',
        'float16',
        'dynamic',
    )
    assert wrapper.accumulative_counts * config.train_dataloader.batch_size == 2
    assert wrapper.optimizer == load('watercolor', 'null_modifier').optim_wrapper.optimizer


@pytest.mark.filterwarnings('ignore:Detected call of `scheduler.step')
def test_learning_rate():
    """The table's lambda, (1 - t / T) ** 0.9, by iteration."""
    config = load('watercolor', 'null_modifier')
    wrapper = build_optim_wrapper(
        torch.nn.Linear(1, 1), dict(type='OptimWrapper', optimizer=config.optim_wrapper.optimizer)
    )
    (settings,) = config.param_scheduler
    scheduler = PARAM_SCHEDULERS.build(
        settings, default_args=dict(optimizer=wrapper, epoch_length=50)
    )
    rates = []
    for _ in range(5000):
        rates.append(wrapper.param_groups[0]['lr'])
        scheduler.step()
    expected = 1e-5 * (1 - np.arange(5000) / 5000) ** 0.9
    assert np.abs(np.array(rates) - expected).max() < 1e-5 * 1e-3
    assert rates[2500] == pytest.approx(5.36e-6, rel=1e-3)


RUNS = [
    ('watercolor', 'null_modifier'),
    ('comic', 'simple'),
    ('comic', 'textual_inversion'),
    ('watercolor', 'dreambooth'),
]


@pytest.mark.parametrize(('domain', 'modifier'), RUNS)
def test_train_and_test(domain, modifier, tiny_pipeline, data, tmp_path):
    if modifier == 'textual_inversion':
        write_token(data, domain)
    if modifier == 'dreambooth':
        unet = tiny_diffusion_model().unet
        torch.nn.init.constant_(unet.conv_in.bias, 0.125)
        unet.save_pretrained(data / f'dreambooth/{domain}/unet')
    config = tiny_version(load(domain, modifier), tiny_pipeline, tmp_path / 'work')
    runner = run(config)
    backbone = runner.model.backbone
    assert (backbone.unet.conv_in.bias == 0.125).all() == (modifier == 'dreambooth')
    seen = {True: set(), False: set()}

    def remember(module, args):
        seen[module.training] |= {sample['caption'] for sample in args[0]}

    backbone.prompt.register_forward_pre_hook(remember)
    before = backbone.unet.conv_in.weight.clone()
    runner.train()
    assert runner.iter == 2  # four images, two of each year
    assert (backbone.unet.conv_in.weight - before).abs().max() > 0
    template = TEMPLATES[domain][modifier].replace('{token}', f'<{domain}>')
    source = {
        f'{words} in {stem}'
        for words, stems in (
            ('dog and a boat', ('000005', '2008_000002')),
            ('tvmonitor and a person', ('000007', '2008_000003')),
        )
        for stem in stems
    }
    target = {'cat and a person in 43248445', 'dog and a bird in 91846963'}
    for training, captions in ((True, source), (False, target)):
        assert seen[training] == {template.replace('{caption}', text) for text in captions}
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 2 and np.isfinite(losses).all()

    metrics = runner.test()
    for name in ('voc07_11point/mAP', 'voc07_11point/AP50', 'coco/bbox_mAP', 'coco/bbox_mAP_50'):
        assert 0 <= metrics[name] <= 1
        assert metrics[name] == runner.message_hub.get_scalar(f'val/{name}').current()
    assert list((tmp_path / 'work').glob('*.pth')) == [tmp_path / 'work/epoch_1.pth']


def test_voc_and_target_as_read(data, tiny_pipeline):
    """Labels are VOC's on either side; difficult objects are set apart."""
    config = load('watercolor', 'null_modifier')
    with DefaultScope.overwrite_default_scope('mmdet'):
        train = DATASETS.build(config.train_dataloader.dataset)
        test = DATASETS.build(config.test_dataloader.dataset)
    assert (len(train), len(test)) == (4, 2)
    names = VOCDataset.METAINFO['classes']
    sample = train[1]['data_samples']
    assert train[1]['inputs'].shape == (3, 512, 512)
    assert [names[label] for label in sample.gt_instances.labels] == ['tvmonitor']
    assert [names[label] for label in sample.ignored_instances.labels] == ['person']
    sample = test[0]['data_samples']
    assert [names[label] for label in sample.gt_instances.labels] == ['cat', 'person']
    # At the original size, 80 x 48, and from 0.
    assert sample.gt_instances.bboxes.tensor.tolist() == [[4, 4, 59, 43], [39, 1, 79, 47]]
    assert sample.img_id == '43248445'
    assert set(SHARED_CLASSES) < set(test.metainfo['classes'])


def test_real_samples_through_the_pipelines(shared, tmp_path, monkeypatch):
    """One real image of either year, with the authors' captions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/VOCdevkit').symlink_to(shared / 'samples/VOCdevkit')
    (tmp_path / 'data/captions').symlink_to(shared / 'captions')
    config = load('watercolor', 'simple')
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(config.train_dataloader.dataset)
        samples = [dataset[index] for index in range(len(dataset))]
    assert len(samples) == 2
    names = VOCDataset.METAINFO['classes']
    for sample, width in zip(samples, (353, 335)):
        assert sample['inputs'].shape == (3, 512, 512)
        found = sample['data_samples']
        assert found.ori_shape == (500, width)
        assert found.scale_factor == pytest.approx((512 / width, 512 / 500))
        assert found.caption.startswith('a watercolor painting of a ')
        assert len(found.caption) > 35
    labels = samples[0]['data_samples'].gt_instances.labels
    assert [names[label] for label in labels] == ['dog', 'person']
    box = samples[0]['data_samples'].gt_instances.bboxes.tensor[0]
    scale = torch.tensor([512 / 353, 512 / 500] * 2)
    torch.testing.assert_close(box, torch.tensor([47.0, 239, 194, 370]) * scale)
