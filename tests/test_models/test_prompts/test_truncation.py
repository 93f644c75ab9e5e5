"""Wherever text is cut, a log line says what is lost."""

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.models.diffusion import TextEncoder
from mmtadp.models.prompts import (
    AverageEOSPrompt,
    CaptionPrompt,
    ClassEmbeddingsPrompt,
    ClassNamesPrompt,
)
from mmtadp.models.prompts.average_eos_cache import average_eos
from tests.utils.tiny_model import tiny_diffusion_model

SIGN = 'temporary road works sign that limits the speed of all vehicles to thirty per hour'


@pytest.fixture
def model():
    return tiny_diffusion_model()


@pytest.fixture
def said(monkeypatch):
    messages = []
    for module in (
        'mmtadp.models.diffusion.text_encoder',
        'mmtadp.models.prompts.average_eos_cache',
        'mmtadp.models.prompts.caption',
        'mmtadp.models.prompts.class_embeddings',
        'mmtadp.models.prompts.fixed',
    ):
        monkeypatch.setattr(
            f'{module}.print_log', lambda message, **kwargs: messages.append(message)
        )
    return messages


def test_names_in_templates(model, said):
    encoder = TextEncoder(model.text_model, model.tokenizer, 0)
    names = [f'{SIGN} by day on the left', 'cat', f'{SIGN} by day on the right']
    embeddings = average_eos(encoder, names, ['a photo of a {}.', 'a {}.'])
    assert torch.equal(embeddings[0], embeddings[2])
    assert not torch.equal(embeddings[0], embeddings[1])
    assert encoder.num_truncated == 4
    (cut,) = [message for message in said if 'class names are cut' in message]
    assert '2 class names are cut' in cut and '20 tokens' in cut and "right' (2)" in cut
    (equal,) = [message for message in said if 'equal embeddings' in message]
    assert names[0] in equal and names[2] in equal and "'cat'" not in equal


def test_names_that_are_cut_but_differ(model, said):
    encoder = TextEncoder(model.text_model, model.tokenizer, 0)
    average_eos(encoder, [f'{SIGN} by day', f'no {SIGN} by day'], ['a {}.'])
    assert any('class names are cut' in message for message in said)
    assert not any('equal embeddings' in message for message in said)


def test_short_names_are_not_mentioned(model, said):
    average_eos(TextEncoder(model.text_model, model.tokenizer, 0), ['cat', 'dog'], ['a {}.'])
    assert said == []


def test_names_whose_embeddings_come_from_the_cache(model, said):
    for _ in range(2):
        said.clear()
        AverageEOSPrompt(model, [f'{SIGN} x', 'dog'])
        assert any(SIGN in message and 'cut' in message for message in said)


def test_names_in_one_caption(model, said):
    names = [f'cat{"s" * (i % 2)} dog' for i in range(40)]
    ClassNamesPrompt(model, names)
    (message,) = [m for m in said if 'class names take' in m]
    # Start and end of text, and two tokens per name: 37 complete names and half of the 38th.
    assert '82 tokens, of which the text encoder reads 77' in message
    assert "'cats dog' and the 2 names after it are cut off" in message


def test_a_name_alone(model, said):
    long = 'cat ' * 90 + 'dog'
    assert ClassEmbeddingsPrompt(model, [long, 'dog']).num_tokens == 76
    assert any('takes 93 tokens' in message and "dog'" in message for message in said)


def test_learned_tokens_that_leave_little_room(model, said, tmp_path):
    def prompt(vectors: int) -> CaptionPrompt:
        file = tmp_path / f'{vectors}.safetensors'
        save_file({'<many>': torch.randn(vectors, 32)}, file)
        return CaptionPrompt(model, learned_embeds=str(file))

    prompt(37)
    assert said == []
    prompt(40)
    assert said == [
        "the learned token '<many>' has 40 vectors: 35 tokens are left for the words of a caption"
    ]
    for vectors in (75, 500):
        with pytest.raises(ValueError, match=rf"'<many>' has {vectors} vectors.*room for 75"):
            prompt(vectors)
