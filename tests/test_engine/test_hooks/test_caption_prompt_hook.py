"""The hook in stock runners: training, validation, sliding windows, test-time augmentation."""

import copy
import json

import pytest
import torch
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from torch import nn

from mmtadp.engine.hooks import install_prompt_hooks
from mmtadp.models import TADPUNetBackbone
from tests.utils.tiny_model import count_encoded
from tests.utils.tiny_runs import tiny_config


@pytest.fixture
def seen(monkeypatch):
    """Captions of every call of every backbone, in order."""
    calls = []
    forward = TADPUNetBackbone.forward

    def record(backbone, inputs):
        calls.append([s['caption'] for s in backbone.prompt_state.samples])
        return forward(backbone, inputs)

    monkeypatch.setattr(TADPUNetBackbone, 'forward', record)
    return calls


def run(config) -> Runner:
    # mmengine finds runners and visualizers of the same name again within a process.
    config.experiment_name = config.visualizer.name = config.work_dir.replace('/', '_')
    return Runner.from_cfg(config)


@pytest.fixture(scope='module')
def trained(tiny_pipeline, tiny_images, tmp_path_factory):
    """Work directory of two iterations of training with a validation at the end."""
    work_dir = tmp_path_factory.mktemp('trained')
    runner = run(tiny_config(tiny_pipeline, tiny_images, work_dir))
    runner.train()
    return work_dir


def captions(folder, split):
    entries = json.loads((folder / 'captions.json').read_text())
    return [e['captions'][0] for name, e in sorted(entries.items()) if name.startswith(split)]


def test_train_and_slide_validation(tiny_pipeline, tiny_images, tmp_path, seen):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path, train_dataloader__batch_size=2)
    run(config).train()
    known = captions(tiny_images, 'training')
    training, validation = seen[:2], seen[2:]
    assert all(len(batch) == 2 and set(batch) <= set(known) for batch in training)
    # 64 x 80 in windows of 48 with stride 32: 2 x 2 windows, all with the image's own caption.
    expected = [[c] for c in captions(tiny_images, 'validation') for _ in range(4)]
    assert validation == expected


def test_text_encoder_runs_once_per_distinct_caption(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path, train_cfg__max_iters=12)
    runner = run(config)
    encoded = count_encoded(runner.model.backbone.prompt.text_encoder)
    runner.train()
    # 4 of training in 12 iterations, 4 of validation with 4 windows each; 6 validations.
    assert sum(encoded) == 8


def test_checkpoint_suffices_for_testing(trained, tiny_pipeline, tiny_images, tmp_path):
    from mmtadp.models import no_pretrained_weights

    metrics = []
    for context in (no_pretrained_weights(), torch.no_grad()):
        with context:
            config = tiny_config(tiny_pipeline, tiny_images, tmp_path / str(len(metrics)))
            config.load_from = str(trained / 'iter_2.pth')
            metrics.append(run(config).test())
    assert metrics[0] == metrics[1]
    assert 0 < metrics[0]['mIoU'] < 100


def test_checkpoint_holds_every_weight_once(trained):
    checkpoint = torch.load(trained / 'iter_2.pth', weights_only=True)
    (description,) = checkpoint['meta']['mmtadp']
    assert description.pop('origin')['pretrained'].endswith('tiny')
    assert description == dict(
        latent_scaling=0.18215,
        latent_sampling='mode',
        timestep=1,
        use_attn=True,
        keep_padding=False,
        prompt=dict(type='CaptionPrompt', num_tokens=77, text_adapter=False, learned_tokens=[]),
        normalisation=dict(mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    )
    storages = [value.data_ptr() for value in checkpoint['state_dict'].values()]
    assert len(storages) == len(set(storages))
    parts = {'.'.join(key.split('.')[:2]) for key in checkpoint['state_dict']}
    assert {'backbone.unet', 'backbone.vae', 'backbone.prompt'} < parts


def test_tta(trained, tiny_pipeline, tiny_images, tmp_path, seen):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.load_from = str(trained / 'iter_2.pth')
    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    config.tta_model.module = config.model
    config.model = config.tta_model
    metrics = run(config).test()
    assert 0 < metrics['mIoU'] < 100
    # Each image at 32 x 40 (one window) and 64 x 80 (4 windows), with and without flip.
    expected = [[c] for c in captions(tiny_images, 'validation') for _ in range(2 * (1 + 4))]
    assert seen == expected


def test_resume_continues_as_if_uninterrupted(tiny_pipeline, tiny_images, tmp_path):
    """Same losses: weights, optimiser and schedule come back from the checkpoint alone."""
    options = dict(
        train_cfg__max_iters=4,
        train_cfg__val_interval=100,
        default_hooks__checkpoint__max_keep_ckpts=-1,
        train_dataloader__sampler__shuffle=False,
        model__decode_head__dropout_ratio=0.0,
        train_dataloader__dataset__pipeline__3__prob=0.0,
        optim_wrapper__optimizer__lr=1e-2,
        param_scheduler=[dict(type='PolyLR', power=1.0, by_epoch=False, begin=0, end=5)],
    )

    def losses(folder):
        (log,) = folder.glob('*/vis_data/scalars.json')
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        return {row['step']: row['loss'] for row in rows if 'loss' in row}

    whole = tiny_config(tiny_pipeline, tiny_images, tmp_path / 'whole', **options)
    run(whole).train()
    resumed = tiny_config(tiny_pipeline, tiny_images, tmp_path / 'resumed', **options)
    resumed.load_from, resumed.resume = str(tmp_path / 'whole' / 'iter_2.pth'), True
    run(resumed).train()
    uninterrupted, continued = losses(tmp_path / 'whole'), losses(tmp_path / 'resumed')
    assert list(continued) == [3, 4]
    for step, loss in continued.items():
        assert loss == pytest.approx(uninterrupted[step], rel=1e-4)
    assert uninterrupted[1] != pytest.approx(uninterrupted[4], rel=1e-3)


def test_amp(tiny_pipeline, tiny_images, tmp_path, monkeypatch):
    # The wrapper insists on an accelerator; what it does then works on a CPU in bfloat16.
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    config = tiny_config(
        tiny_pipeline,
        tiny_images,
        tmp_path,
        optim_wrapper__type='AmpOptimWrapper',
        optim_wrapper__dtype='bfloat16',
        optim_wrapper__loss_scale=dict(enabled=False),
        model__backbone__with_cp=True,
    )
    runner = run(config)
    before = copy.deepcopy(runner.model.backbone.unet.state_dict())
    dtypes = []
    runner.model.backbone.register_forward_hook(
        lambda module, args, output: dtypes.append(output[0].dtype)
    )
    runner.train()
    after = runner.model.backbone.unet.state_dict()
    assert dtypes[:2] == [torch.bfloat16] * 2
    assert all(torch.isfinite(value).all() for value in after.values())
    assert all(value.dtype == torch.float32 for value in after.values())
    assert any(not torch.equal(before[key], after[key]) for key in before)


class TestInstall:
    def segmentor(self, pipeline, images, tmp_path):
        with DefaultScope.overwrite_default_scope('mmseg'):
            return MODELS.build(tiny_config(pipeline, images, tmp_path).model)

    def test_once_is_enough(self, tiny_pipeline, tiny_images, tmp_path):
        from mmseg.structures import SegDataSample

        model = self.segmentor(tiny_pipeline, tiny_images, tmp_path).eval()
        methods = []
        for _ in range(3):
            install_prompt_hooks(model)
            methods.append({n: m for n, m in vars(model).items() if callable(m)})
        assert methods[0] == methods[2]
        assert {'forward', 'loss', 'predict', '_forward', 'encode_decode'} <= set(methods[0])
        sample = SegDataSample(metainfo=dict(caption='a cat'))
        encoded = count_encoded(model.backbone.prompt.text_encoder)
        model(torch.zeros(1, 3, 64, 64), [sample], mode='tensor')
        assert encoded == [1]

    def test_copies_set_their_own_backbone(self, tiny_pipeline, tiny_images, tmp_path):
        from mmseg.structures import SegDataSample

        model = install_prompt_hooks(self.segmentor(tiny_pipeline, tiny_images, tmp_path)).eval()
        clone = copy.deepcopy(model)
        model.backbone.set_prompts(['of the original'])
        samples = [SegDataSample(metainfo=dict(caption='a cat'))]
        # If the hooks of the copy prompted the original's backbone, this would fail.
        clone(torch.zeros(1, 3, 64, 64), samples, mode='tensor')
        assert model.backbone.prompt_state.samples == [dict(caption='of the original')]

    def test_a_failed_forward_leaves_no_prompts(self, tiny_pipeline, tiny_images, tmp_path):
        from mmseg.structures import SegDataSample

        model = install_prompt_hooks(self.segmentor(tiny_pipeline, tiny_images, tmp_path)).eval()
        samples = [SegDataSample(metainfo=dict(caption='a cat'))]
        with pytest.raises(ValueError, match='NaN'):
            model(torch.full((1, 3, 64, 64), float('nan')), samples, mode='tensor')
        with pytest.raises(RuntimeError, match='no prompts were set'):
            model(torch.zeros(1, 3, 64, 64), mode='tensor')
        model(torch.zeros(1, 3, 64, 64), samples, mode='tensor')

    def test_models_without_a_backbone_of_ours(self):
        with pytest.raises(ValueError, match='found no TADPUNetBackbone in Linear'):
            install_prompt_hooks(nn.Linear(1, 1))


def test_missing_hook_is_said(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.custom_hooks = []
    with pytest.raises(RuntimeError, match="Add `dict\\(type='mmtadp.CaptionPromptHook'\\)"):
        run(config).train()


def test_missing_meta_key_is_said(tiny_pipeline, tiny_images, tmp_path):
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.train_dataloader.dataset.pipeline[-1].meta_keys = ('img_path',)
    with pytest.raises(RuntimeError, match='needs .*caption.* of .*training_\\d.png.*meta_keys'):
        run(config).train()
