import pytest
import torch

from mmtadp.models import TADPUNetBackbone
from mmtadp.personalization import DreamBooth, DreamBoothSettings, personalize
from mmtadp.personalization.training import _Trainer, make_accelerator
from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder


def test_the_papers_hyper_parameters():
    settings = DreamBoothSettings(images='a', out='b', pretrained='c')
    assert (settings.steps, settings.learning_rate, settings.accumulate) == (1000, 5e-6, 1)
    assert (settings.batch_size, settings.warmup_steps) == (1, 0)
    assert (settings.class_prompt, settings.class_images) == (None, 200)
    assert settings.prompt == 'an image in sks style'


def test_the_folder_goes_into_a_backbone(booth, tiny_pipeline):
    summary = personalize(DreamBooth, booth(learning_rate=1e-3, gradient_checkpointing=True))
    prompt = dict(type='CaptionPrompt')
    before = TADPUNetBackbone(pretrained=str(tiny_pipeline), prompt=prompt)
    after = TADPUNetBackbone(
        pretrained=str(tiny_pipeline), unet=str(summary.result), prompt=prompt
    )
    assert f"unet='{summary.result}'" in summary.usage
    changed = {
        name.split('.')[0]
        for (name, old), new in zip(before.named_parameters(), after.parameters())
        if not torch.equal(old, new)
    }
    assert changed == {'unet'}


def test_loss_falls_on_one_image_and_one_noise(booth, photo, monkeypatch):
    monkeypatch.setattr(_Trainer, '_numbers', lambda *_: [0])
    settings = booth(images=str(photo), steps=6, learning_rate=1e-3)
    personalize(DreamBooth, settings)
    losses = [line['loss'] for line in RunFolder(settings.out, {}, True).log()]
    assert len(losses) == 6 and losses[-1] < 0.8 * losses[0]


def test_prior_preservation_adds_its_loss(booth):
    settings = booth(class_prompt='an image', class_images=2, prior_weight=0.5)
    concept = DreamBooth(settings, make_accelerator(settings))
    concept.prepared = concept.module
    assert len(concept.class_pool) == 2
    with torch.no_grad():
        own = concept._loss(concept.pool, [3], 'an image in sks style')
        prior = concept._loss(concept.class_pool, [3], 'an image')
        assert own > 0 and prior > 0
        assert concept.loss([3]).item() == pytest.approx((own + 0.5 * prior).item(), rel=1e-6)


def test_class_images_are_made_once_and_alike(booth):
    settings = booth(class_prompt='an image', class_images=2)
    folder = DreamBooth(settings, make_accelerator(settings)).class_pool.paths[0].parent
    first = [path.read_bytes() for path in sorted(folder.iterdir())]
    (folder / '00001.png').unlink()
    DreamBooth(settings, make_accelerator(settings))
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == first


def test_continued(booth, tmp_path):
    whole, parts = booth(steps=4, out=str(tmp_path / 'whole')), booth(steps=2)
    personalize(DreamBooth, whole)
    personalize(DreamBooth, parts)
    summary = personalize(DreamBooth, booth(steps=4))
    assert summary.first == 2
    logs = [RunFolder(settings.out, {}, True).log() for settings in (whole, parts)]
    assert len(logs[0]) == 4 and logs[0] == logs[1]


@pytest.mark.parametrize(
    'changed, message',
    [
        (dict(prompt=' '), '--prompt is empty'),
        (dict(class_folder='a'), '--class-folder needs --class-prompt'),
        (dict(class_prompt='an image', class_images=0), '--class-images is 0'),
    ],
)
def test_what_the_user_can_put_right(booth, changed, message):
    with pytest.raises(RunError, match=message):
        personalize(DreamBooth, booth(**changed))
