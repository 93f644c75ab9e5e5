"""Methods that take data samples give them to the backbone, however they are called."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from torch import nn

from mmtadp.engine.hooks import install_prompt_hooks
from mmtadp.models import TADPUNetBackbone
from tests.test_engine.test_hooks.test_detection import detector_config
from tests.utils.tiny_model import OUT_CHANNELS
from tests.utils.tiny_runs import tiny_config


@pytest.fixture
def seen(monkeypatch):
    """Backbone and captions of every call of a backbone, in order."""
    calls = []
    forward = TADPUNetBackbone.forward

    def record(backbone, inputs):
        samples = backbone.prompt_state.samples
        calls.append((backbone, samples and [s['caption'] for s in samples]))
        return forward(backbone, inputs)

    monkeypatch.setattr(TADPUNetBackbone, 'forward', record)
    return calls


def build(config):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(config)


def sample(caption: str) -> DetDataSample:
    shape = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'), (64, 64))
    meta = dict(caption=caption, scale_factor=(1, 1), img_path=f'{caption}.png', **shape)
    result = DetDataSample(metainfo=dict(meta, homography_matrix=np.eye(3, dtype=np.float32)))
    result.gt_instances = InstanceData(
        bboxes=torch.tensor([[5.0, 5.0, 40.0, 40.0]]), labels=torch.tensor([1])
    )
    return result


IMAGES = torch.rand(1, 3, 64, 64) * 2 - 1


def soft_teacher(pipeline, tmp_path):
    detector = detector_config(pipeline, tmp_path)
    return ConfigDict(
        type='SoftTeacher',
        detector=detector,
        data_preprocessor=dict(
            type='MultiBranchDataPreprocessor', data_preprocessor=detector.data_preprocessor
        ),
        semi_train_cfg=dict(
            freeze_teacher=True,
            sup_weight=1.0,
            unsup_weight=4.0,
            pseudo_label_initial_score_thr=0.0,
            rpn_pseudo_thr=0.0,
            cls_pseudo_thr=0.0,
            reg_pseudo_thr=1.0,
            jitter_times=1,
            jitter_scale=0.06,
            min_pseudo_bbox_wh=(1e-2, 1e-2),
        ),
        semi_test_cfg=dict(predict_on='teacher'),
    )


def test_soft_teacher_trains_with_the_captions_of_each_branch(tiny_pipeline, tmp_path, seen):
    model = install_prompt_hooks(build(soft_teacher(tiny_pipeline, tmp_path))).train()
    branches = ('sup', 'unsup_teacher', 'unsup_student')
    losses = model(
        dict.fromkeys(branches, IMAGES),
        {branch: [sample(f'a cat, {branch}')] for branch in branches},
        mode='loss',
    )
    student, teacher = model.student.backbone, model.teacher.backbone
    assert seen == [
        (student, ['a cat, sup']),
        (teacher, ['a cat, unsup_teacher']),
        (student, ['a cat, unsup_student']),
    ]
    total = sum(
        sum(value) if isinstance(value, list) else value
        for name, value in losses.items()
        if 'loss' in name
    )
    total.backward()
    assert student.unet.conv_in.weight.grad.abs().max() > 0
    assert teacher.unet.conv_in.weight.grad is None
    assert student.prompt_state.samples is None and teacher.prompt_state.samples is None
    model.eval()
    model.predict(IMAGES, [sample('a dog')])
    assert seen[-1] == (teacher, ['a dog'])


def test_knowledge_distillation_with_a_teacher_that_is_no_submodule(tiny_pipeline, tmp_path, seen):
    def gfl(head: str, **options) -> dict:
        return dict(
            backbone=dict(type='mmtadp.TADPUNetBackbone', pretrained=str(tiny_pipeline)),
            neck=dict(type='FPN', in_channels=OUT_CHANNELS, out_channels=8, num_outs=4),
            bbox_head=dict(
                type=head,
                num_classes=2,
                in_channels=8,
                feat_channels=8,
                stacked_convs=1,
                norm_cfg=dict(type='GN', num_groups=4),
                loss_cls=dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0),
                loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
                anchor_generator=dict(
                    type='AnchorGenerator',
                    ratios=[1.0],
                    octave_base_scale=8,
                    scales_per_octave=1,
                    strides=[8, 16, 32, 64],
                ),
                **options,
            ),
            train_cfg=dict(
                assigner=dict(type='ATSSAssigner', topk=9), allowed_border=-1, pos_weight=-1
            ),
            test_cfg=dict(nms_pre=10, score_thr=0.0, nms=dict(type='nms'), max_per_img=5),
        )

    teacher = dict(gfl('GFLHead'), type='GFL')
    distilled = gfl(
        'LDHead',
        loss_ld=dict(type='KnowledgeDistillationKLDivLoss', loss_weight=0.25, T=10),
    )
    distilled.update(
        type='KnowledgeDistillationSingleStageDetector',
        teacher_config=Config(dict(model=teacher)),
        data_preprocessor=dict(type='DetDataPreprocessor'),
    )
    model = install_prompt_hooks(build(distilled))
    assert 'teacher_model' not in dict(model.named_children())
    losses = model.loss(IMAGES, [sample('a cat')])
    assert 'loss_ld' in losses
    assert seen == [
        (model.backbone, ['a cat']),
        (model.teacher_model.backbone, ['a cat']),
    ]


@pytest.fixture
def segmentor(tiny_pipeline, tiny_images, tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(tiny_config(tiny_pipeline, tiny_images, tmp_path).model)
    return install_prompt_hooks(model).eval()


def seg_sample(**meta):
    from mmseg.structures import SegDataSample

    return SegDataSample(metainfo=dict(img_shape=(64, 64), ori_shape=(64, 64), **meta))


class TestSegmentor:
    """Called as self-training and other user code does."""

    @pytest.mark.parametrize(
        'call',
        [
            lambda m: m.predict(IMAGES, [seg_sample(caption='a cat')]),
            lambda m: m.predict(IMAGES, data_samples=[seg_sample(caption='a cat')]),
            lambda m: m._forward(IMAGES, [seg_sample(caption='a cat')]),
            lambda m: m(IMAGES, [seg_sample(caption='a cat')], 'predict'),
            lambda m: m.forward(inputs=IMAGES, data_samples=[seg_sample(caption='a cat')]),
            lambda m: m.encode_decode(IMAGES, [seg_sample(caption='a cat').metainfo]),
            lambda m: m.inference(IMAGES, [seg_sample(caption='a cat').metainfo]),
        ],
    )
    def test_every_way(self, segmentor, seen, call):
        with torch.no_grad():
            call(segmentor)
        assert {caption for _, (caption,) in seen} == {'a cat'}
        assert segmentor.backbone.prompt_state.samples is None

    def test_set_prompts_serve_samples_without_captions(self, segmentor, seen):
        segmentor.backbone.set_prompts(['mine'])
        segmentor.predict(IMAGES, [seg_sample()])
        segmentor.backbone.set_prompts(['mine'])
        segmentor.predict(IMAGES, [seg_sample(caption='of the image')])
        # Windows of 48 in 64 x 64, stride 32.
        assert [caption for _, (caption,) in seen] == ['mine'] * 4 + ['of the image'] * 4
        with pytest.raises(RuntimeError, match='no prompts were set'):
            segmentor.backbone(IMAGES)

    def test_extract_feat_is_told_what_it_lacks(self, segmentor):
        with pytest.raises(RuntimeError) as error:
            segmentor.extract_feat(IMAGES)
        message = str(error.value)
        assert 'CaptionPromptHook is installed' in message
        assert '`extract_feat`' in message and '`backbone.set_prompts`' in message
        assert 'custom_hooks' not in message
        segmentor.backbone.set_prompts(['a cat'])
        segmentor.extract_feat(IMAGES)

    def test_nested_calls_with_other_samples(self, segmentor, seen):
        class Nested(type(segmentor)):
            def predict(self, inputs, data_samples=None):
                for meta in (dict(caption='outer'), dict(caption='inner'), {}):
                    self.encode_decode(inputs, [dict(meta, img_shape=(64, 64))])

        segmentor.__class__ = Nested
        segmentor.predict(IMAGES, [seg_sample(caption='outer')])
        assert [caption for _, (caption,) in seen] == ['outer', 'inner', 'outer']

    def test_ctrl_c_leaves_no_prompts(self, segmentor):
        def interrupt(*args):
            raise KeyboardInterrupt

        handle = segmentor.backbone.unet.mid_block.register_forward_hook(interrupt)
        for call in (
            lambda: segmentor(IMAGES, [seg_sample(caption='a cat')], mode='predict'),
            lambda: segmentor.backbone(IMAGES, ['a cat']),
        ):
            with pytest.raises(KeyboardInterrupt):
                call()
        handle.remove()
        with pytest.raises(RuntimeError, match='no prompts were set'):
            segmentor.backbone(IMAGES)
        segmentor(IMAGES, [seg_sample(caption='a cat')], mode='predict')

    @pytest.mark.parametrize(
        'duplicate', [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
    )
    def test_copies(self, segmentor, duplicate, seen):
        other = duplicate(segmentor)
        install_prompt_hooks(other)
        with torch.no_grad():
            expected = segmentor._forward(IMAGES, [seg_sample(caption='a cat')])
            for parameter in segmentor.parameters():
                parameter.zero_()
            result = other._forward(IMAGES, [seg_sample(caption='a cat')])
        torch.testing.assert_close(result, expected)
        assert [backbone for backbone, _ in seen] == [segmentor.backbone, other.backbone]

    def test_signatures_stay(self, segmentor):
        for name in ('forward', 'predict', 'encode_decode'):
            own = inspect.signature(getattr(type(segmentor), name).__get__(segmentor))
            assert inspect.signature(getattr(segmentor, name)) == own

    def test_a_method_that_was_replaced_before(self, segmentor, seen):
        """As mmengine does with a method that it compiles."""
        class_method = type(segmentor).predict
        calls = []

        def compiled(*args):
            calls.append(args)
            return class_method(segmentor, *args)

        del segmentor.predict
        segmentor.predict = compiled
        install_prompt_hooks(segmentor).predict(IMAGES, [seg_sample(caption='a cat')])
        assert len(calls) == 1 and seen[-1][1] == ['a cat']


def test_windows_with_gradients_reach_the_adapter(tiny_pipeline, tiny_images, tmp_path):
    """A prompt that was embedded without gradients is not used with them."""
    config = tiny_config(tiny_pipeline, tiny_images, tmp_path)
    config.model.backbone.prompt = dict(type='CaptionPrompt', text_adapter=dict())
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model)

    class SelfTraining(type(model)):
        def loss(self, inputs, data_samples):
            with torch.no_grad():
                self.encode_decode(inputs, [s.metainfo for s in data_samples])
            return self.encode_decode(inputs, [s.metainfo for s in data_samples]).mean()

    model.__class__ = SelfTraining
    install_prompt_hooks(model).eval()
    model(IMAGES, [seg_sample(caption='a cat')], mode='loss').backward()
    assert model.backbone.prompt.text_adapter.gamma.grad is not None


def test_no_owner(tiny_pipeline):
    with pytest.raises(ValueError, match='no mmengine BaseModel around'):
        install_prompt_hooks(nn.Sequential(TADPUNetBackbone(str(tiny_pipeline))))
