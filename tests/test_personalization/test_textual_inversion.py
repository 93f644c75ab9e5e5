import pytest
import torch
from safetensors.torch import load_file

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import load_diffusion_model
from mmtadp.personalization import TextualInversion, TextualInversionSettings, personalize
from mmtadp.personalization.training import _Trainer, make_accelerator
from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder


def trained(settings):
    """Return the concept after its run, and the summary of the run."""
    accelerator = make_accelerator(settings)
    concept = TextualInversion(settings, accelerator)
    folder = RunFolder(settings.out, concept.identity(), False)
    return concept, _Trainer(concept, settings, accelerator, folder).train()


def test_the_papers_hyper_parameters():
    settings = TextualInversionSettings(
        images='a', out='b', pretrained='c', token='<d>', initializer='e'
    )
    assert (settings.steps, settings.learning_rate) == (3000, 5e-4)
    assert (settings.batch_size, settings.accumulate, settings.warmup_steps) == (1, 4, 0)
    assert len(settings.templates) == 10


def test_only_the_new_rows_change(inversion, tiny_pipeline):
    concept, _ = trained(inversion(num_vectors=2))
    before = load_diffusion_model(str(tiny_pipeline))
    start = before.text_model.embeddings.token_embedding.weight
    (night,) = before.tokenizer('night', add_special_tokens=False).input_ids
    moved = (concept.rows.learned - start[night]).abs().amax(dim=1)
    # Adam moves each by about the learning rate in each of three steps.
    assert ((moved > 1e-4) & (moved < 4e-3)).all()
    assert not torch.equal(*concept.rows.learned)
    assert torch.equal(concept.rows.table, start)
    for name in ('unet', 'vae'):
        after = getattr(concept.model, name).state_dict()
        for key, value in getattr(before, name).state_dict().items():
            assert torch.equal(after[key], value), key
    after = concept.module.state_dict()
    same = [key for key in before.text_model.state_dict() if 'token_embedding' not in key]
    assert len(same) == len(after) - 1
    assert all(torch.equal(after[key], before.text_model.state_dict()[key]) for key in same)


@pytest.mark.parametrize('num_vectors', [1, 2])
def test_the_file_goes_into_a_prompt(inversion, tiny_pipeline, num_vectors):
    concept, summary = trained(inversion(num_vectors=num_vectors))
    (value,) = load_file(summary.result).values()
    assert value.shape == ((32,) if num_vectors == 1 else (2, 32))
    backbone = TADPUNetBackbone(
        pretrained=str(tiny_pipeline),
        prompt=dict(type='CaptionPrompt', learned_embeds=str(summary.result)),
    )
    captions = ['a dark <night> photo of a cat']
    expected = concept.encoder(captions)
    assert torch.equal(backbone.prompt.text_encoder(captions), expected)
    assert repr(str(summary.result)) in summary.usage


def test_loss_falls_on_one_image_and_one_noise(inversion, photo, monkeypatch):
    monkeypatch.setattr(_Trainer, '_numbers', lambda *_: [0])
    settings = inversion(images=str(photo), steps=12, learning_rate=5e-2, accumulate=1)
    personalize(TextualInversion, settings)
    losses = [line['loss'] for line in RunFolder(settings.out, {}, True).log()]
    assert len(losses) == 12 and losses[-1] < 0.97 * losses[0]
    assert sum(b < a for a, b in zip(losses, losses[1:])) >= 9


@pytest.mark.parametrize(
    'changed, message',
    [
        (dict(token='dog'), "--token 'dog' is known to the tokenizer"),
        (dict(token=' <a>'), 'expected text without outer spaces'),
        (dict(initializer='a dark night', num_vectors=2), "'a dark night' is 3 tokens"),
        (dict(templates=('no place',)), "'no place' should hold {token} once"),
        (dict(templates=('{token} ' + 'cat ' * 80,)), 'is 83 tokens; expected at most 77'),
        (dict(images='/nowhere'), "'/nowhere' does not exist"),
        (dict(pretrained='/nowhere'), "pretrained='/nowhere' does not exist"),
        (dict(resolution=36), 'a multiple of 8'),
        (dict(steps=0), '--steps is 0; expected 1 or more'),
        (dict(learning_rate=0), '--learning-rate is 0'),
        (dict(mixed_precision='fp16'), 'needs a GPU'),
        (dict(mixed_precision='fp8'), "--mixed-precision is 'fp8'"),
        (dict(adam_8bit=True), '--adam-8bit needs bitsandbytes'),
    ],
)
def test_what_the_user_can_put_right(inversion, monkeypatch, changed, message):
    import sys

    monkeypatch.setitem(sys.modules, 'bitsandbytes', None)
    monkeypatch.setitem(sys.modules, 'bitsandbytes.optim', None)
    with pytest.raises(RunError) as error:
        personalize(TextualInversion, inversion(**changed))
    assert message in str(error.value)


def test_no_images_and_no_text_encoder(inversion, tmp_path, tiny_pipeline):
    empty = tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(RunError, match='has no image'):
        personalize(TextualInversion, inversion(images=str(empty)))
    (empty / 'a.png').write_bytes(b'no image')
    with pytest.raises(RunError, match='a.png cannot be used: not an image'):
        personalize(TextualInversion, inversion(images=str(empty)))
    partial = tmp_path / 'partial'
    partial.mkdir()
    for part in ('unet', 'vae', 'tokenizer', 'scheduler'):
        (partial / part).symlink_to(tiny_pipeline / part)
    with pytest.raises(RunError, match='lacks text_encoder'):
        personalize(TextualInversion, inversion(pretrained=str(partial)))


def test_accelerate_that_is_not_installed(inversion, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'accelerate', None)
    with pytest.raises(RunError, match=r"pip install 'mmtadp\[personalize\]'"):
        personalize(TextualInversion, inversion())
