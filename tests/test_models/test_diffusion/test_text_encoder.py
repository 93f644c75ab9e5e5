import copy
import pickle

import pytest
import torch
from torch import nn

from mmtadp.models.diffusion import TextEncoder, clip_tokenizer
from mmtadp.models.diffusion.text_encoder import TextCache
from tests.utils.tiny_model import WIDTH, tiny_diffusion_model


@pytest.fixture
def encoder():
    model = tiny_diffusion_model()
    return TextEncoder(model.text_model, model.tokenizer)


@pytest.fixture
def encoded(encoder):
    """Return the number of captions in each call of the text model."""
    counts = []
    encoder.model.register_forward_pre_hook(
        lambda module, args, kwargs: counts.append(len(kwargs['input_ids'])), with_kwargs=True
    )
    return counts


def test_tokenizer_gives_clips_ids():
    tokenizer = clip_tokenizer()
    # Ids of openai/clip-vit-large-patch14.
    assert tokenizer('a photo of a cat').input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer.pad_token_id == 49407
    assert tokenizer.model_max_length == 77


def test_embeddings_are_the_models_own(encoder):
    captions = ['a cat', 'a dog on a mat']
    tokens = encoder.tokenizer(captions, padding='max_length', return_tensors='pt')
    with torch.no_grad():
        expected = encoder.model(input_ids=tokens.input_ids).last_hidden_state
    assert encoder(captions).shape == (2, 77, WIDTH)
    torch.testing.assert_close(encoder(captions), expected)


def test_each_distinct_caption_is_encoded_once(encoder, encoded):
    first = encoder(['a cat', 'a dog', 'a cat'])
    assert sum(encoded) == 2
    assert torch.equal(first[0], first[2])
    again = encoder(['a dog', 'a cat'])
    assert sum(encoded) == 2
    assert torch.equal(again, first[[1, 0]])


def test_cache_is_bounded_and_forgets_the_oldest(encoder, encoded):
    encoder.cache = TextCache(2)
    for caption in ('a', 'b', 'a', 'c', 'a'):
        encoder([caption])
    assert (len(encoder.cache), sum(encoded)) == (2, 3)
    encoder(['b'])
    assert sum(encoded) == 4


def test_more_captions_than_the_cache_holds(encoder):
    encoder.cache = TextCache(1)
    captions = ['a', 'b', 'c', 'a']
    batch = encoder(captions)
    alone = torch.cat([encoder([caption]) for caption in captions])
    torch.testing.assert_close(batch, alone)


def test_an_embedding_does_not_depend_on_the_other_captions(encoder):
    """A resumed run encodes other captions together, and must be the same bit by bit."""
    captions = [f'a photo of {number} cats' for number in range(7)]
    together = encoder(captions)
    encoder.cache = TextCache(10)
    alone = torch.cat([encoder([caption]) for caption in captions])
    assert torch.equal(together, alone)


def test_cache_is_emptied_with_new_weights(encoder):
    before = encoder(['a cat'])
    state = {key: 2 * value for key, value in encoder.state_dict().items()}
    encoder.load_state_dict(state)
    assert not torch.allclose(encoder(['a cat']), before)


@pytest.mark.parametrize(
    'change',
    [
        lambda encoder: encoder.bfloat16(),
        lambda encoder: encoder.half().float(),
        lambda encoder: nn.ModuleList([encoder]).bfloat16().float(),
        lambda encoder: encoder.model.bfloat16(),
    ],
)
def test_rounded_weights_give_new_embeddings(encoder, change):
    before = encoder(['a cat'])
    change(encoder)
    after = encoder(['a cat'])
    assert not torch.equal(after.float(), before)
    encoder.cache.clear()
    torch.testing.assert_close(encoder(['a cat']), after)


def test_texts_cut_at_20_tokens_are_counted(encoder):
    encoder.pooled(['a photo of a cat', 'cat ' * 19, 'cat ' * 18], 20)
    assert encoder.num_truncated == 1


@pytest.mark.parametrize('caption', [['a', 'cat'], 5, None, b'cat', 'half \ud83d a pair'])
def test_captions_that_are_not_text(encoder, caption):
    with pytest.raises(ValueError, match=r'caption of image 1 of the batch.*(must be|is not)'):
        encoder(['a cat', caption])


def test_copies_start_with_an_empty_cache(encoder):
    expected = encoder(['a cat'])
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert len(other.cache) == 0
        torch.testing.assert_close(other(['a cat']), expected)


def test_autocast_and_inference_mode_leave_no_trace(encoder):
    with torch.inference_mode(), torch.autocast('cpu', dtype=torch.bfloat16):
        cached = encoder(['a cat'])
    assert cached.dtype == torch.float32
    embedding = encoder(['a cat'])
    assert not embedding.is_inference()
    # Usable in a graph.
    (embedding * torch.ones(1, requires_grad=True)).sum().backward()


def test_frozen(encoder):
    encoder.train()
    assert not any(m.training for m in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())


def test_long_captions_are_truncated_counted_and_said_once(encoder, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmtadp.models.diffusion.text_encoder.print_log',
        lambda message, **kw: said.append(message),
    )
    long = ' '.join(['cat'] * 100)
    embedding = encoder([long, 'a dog'])
    assert embedding.shape == (2, 77, WIDTH)
    encoder([long + ' dog', long])
    assert encoder.num_truncated == 2
    assert len(said) == 1
    assert 'a caption of 102 tokens is truncated to 77' in said[0]
    torch.testing.assert_close(encoder([' '.join(['cat'] * 75)])[0], embedding[0])


def test_cache_size():
    with pytest.raises(ValueError, match='cache_size must be an integer of 0 or more, got -1'):
        TextCache(-1)
