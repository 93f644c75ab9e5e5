"""Learned tokens in a text encoder, compared with diffusers' own loader."""

import copy
import pickle
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from mmtadp.models import CaptionPrompt, TADPUNetBackbone, no_pretrained_weights
from mmtadp.models.diffusion import TextEncoder, load_diffusion_model
from mmtadp.utils.learned_tokens import LearnedToken, add_learned_tokens, read_learned_tokens
from tests.utils.seeded_weights import seed_weights, seeded_image, seeded_values
from tests.utils.tiny_model import TEXT_ENCODER, WIDTH, tiny_diffusion_model

CAPTIONS = [
    'a dark <night> photo of a car',
    '<night>',
    'a <comic> style painting of a dog, and <night>s of <night>',
    'no learned token at all',
    # Token by token as long as the encoder, and longer once <night> stands for three.
    ' '.join(['cat'] * 74 + ['<night>']),
    ' '.join(['cat'] * 90),
]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """<night> has three vectors, <comic> has one."""
    folder = tmp_path_factory.mktemp('tokens')
    save_file({'<night>': vectors('night', 3)}, folder / 'night.safetensors')
    torch.save({'<comic>': vectors('comic', 1)[0]}, folder / 'comic.bin')
    return [str(folder / 'night.safetensors'), str(folder / 'comic.bin')]


def vectors(name, count, width=WIDTH):
    return torch.from_numpy(seeded_values(name, (count, width)))


@pytest.fixture
def model():
    return tiny_diffusion_model()


@pytest.fixture
def encoder(model, files):
    return CaptionPrompt(model, learned_embeds=files).text_encoder


def test_ids_and_embeddings_are_those_of_diffusers(tiny_pipeline, encoder, files):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline, safety_checker=None)
    pipeline.load_textual_inversion(files)
    converted = pipeline.maybe_convert_prompt(CAPTIONS, pipeline.tokenizer)
    assert converted[1] == '<night> <night>_1 <night>_2'
    ids = pipeline.tokenizer(
        converted, padding='max_length', truncation=True, max_length=77, return_tensors='pt'
    ).input_ids
    assert torch.equal(encoder._fit(encoder.token_ids(CAPTIONS), 77), ids)
    with torch.no_grad():
        expected = pipeline.text_encoder(ids).last_hidden_state
    torch.testing.assert_close(encoder(CAPTIONS), expected)


def test_rows_of_the_table(model, encoder):
    before = model.text_model.embeddings.token_embedding.weight
    table = encoder.model.embeddings.token_embedding
    assert table.weight is before and not before.requires_grad
    rows = torch.cat([before[:2], vectors('night', 3), vectors('comic', 1)])
    assert torch.equal(table(torch.tensor([[0, 1, *range(49408, 49412)]]))[0], rows)
    # A state dict holds the tokenizer's own rows only.
    assert list(table.state_dict()) == ['weight']


def test_a_caption_carries_the_bare_token(encoder):
    night, comic = [49408, 49409, 49410], [49411]
    assert encoder.token_ids(['<night>', 'a <comic> <NIGHT>', '<night>s']) == [
        [49406, *night, 49407],
        [49406, 320, *comic, *night, 49407],
        [49406, *night, 338, 49407],
    ]
    assert encoder.has_token('<night>') and encoder.has_token('<comic>')
    assert not encoder.has_token('<day>') and not encoder.has_token('night')


@pytest.mark.parametrize('name', ['<Night-Style>', 'my night', 'nuit_obscure', '<夜>'])
def test_names_of_all_kinds(model, tmp_path, name):
    save_file({name: vectors(name, 2)}, tmp_path / 'a.safetensors')
    encoder = CaptionPrompt(model, learned_embeds=tmp_path / 'a.safetensors').text_encoder
    assert encoder.token_ids([f'a {name} photo']) == [[49406, 320, 49408, 49409, 1125, 49407]]


def test_other_captions_are_encoded_as_before(model, encoder):
    plain = TextEncoder(model.text_model, model.tokenizer)
    assert torch.equal(encoder(['a photo of a cat']), plain(['a photo of a cat']))
    assert (encoder(['<night>']) - plain(['<night>'])).abs().max() > 0.1


def test_nothing_given_is_changed(model, files):
    state = {key: value.clone() for key, value in model.text_model.state_dict().items()}
    CaptionPrompt(model, learned_embeds=files)
    assert len(model.tokenizer) == 49408
    assert model.text_model.config.vocab_size == 49408
    after = model.text_model.state_dict()
    assert after.keys() == state.keys()
    assert all(torch.equal(after[key], state[key]) for key in state)
    # One token each, from the same model: neither sees the other's.
    night, comic = (CaptionPrompt(model, learned_embeds=path).text_encoder for path in files)
    assert night.has_token('<night>') and not night.has_token('<comic>')
    assert comic.token_ids(['<comic>']) == [[49406, 49408, 49407]]
    row = night.model.embeddings.token_embedding(torch.tensor([[49408]]))[0]
    assert torch.equal(row, vectors('night', 3)[:1])


def test_weights_are_shared(model, encoder):
    theirs, ours = (dict(m.named_parameters()) for m in (model.text_model, encoder.model))
    assert len(theirs) == len(ours) > 30
    assert all(theirs[name] is ours[name] for name in theirs)


def test_padded_table(model, files):
    """Some pipelines have more rows than tokens; a new token's id is the next one all the same."""
    old = model.text_model.embeddings.token_embedding.weight
    padded = torch.nn.Embedding(49408 + 64, WIDTH)
    padded.weight.data[:49408] = old.detach()
    model.text_model.embeddings.token_embedding = padded
    encoder = CaptionPrompt(model, learned_embeds=files).text_encoder
    row = encoder.model.embeddings.token_embedding(torch.tensor([[49411]]))[0]
    assert torch.equal(row, vectors('comic', 1))


def test_none_to_add_changes_nothing(model):
    added = add_learned_tokens(model.text_model, model.tokenizer, [])
    assert added == (model.text_model, model.tokenizer, {})
    for none in (None, (), []):
        assert CaptionPrompt(model, learned_embeds=none).text_encoder.model is model.text_model


def test_copies_and_pickles(encoder):
    expected = encoder(CAPTIONS[:3])
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert len(other.cache) == 0
        torch.testing.assert_close(other(CAPTIONS[:3]), expected)


def test_each_distinct_caption_is_encoded_once(encoder):
    encoder(CAPTIONS[:2])
    encoder(CAPTIONS[:3])
    assert len(encoder.cache) == 3


def test_truncation_counts_every_vector(encoder):
    encoder([' '.join(['cat'] * 72 + ['<night>'])])
    assert encoder.num_truncated == 0
    encoder([' '.join(['cat'] * 73 + ['<night>'])])
    assert encoder.num_truncated == 1


@pytest.mark.parametrize('eos_token_id', [2, 49407])
def test_pooled_is_the_end_of_text_whatever_the_config_calls_it(files, eos_token_id):
    """With 2, as Stable Diffusion 1.x has it, the text model itself would take a learned token."""
    model = tiny_diffusion_model()
    config = CLIPTextConfig(**dict(TEXT_ENCODER, eos_token_id=eos_token_id))
    model.text_model = seed_weights(CLIPTextModel(config), 'text.').eval()
    texts = ['a cat', 'a <night> cat', ' '.join(['cat'] * 30)]
    learned = CaptionPrompt(model, learned_embeds=files).text_encoder
    pooled = learned.pooled(texts, max_length=20)
    # <start> a cat <end>; <start> a <night> x 3 cat <end>; the end of a truncated text is its last
    places = [3, 6, 19]
    ids = learned._fit(learned.token_ids(texts), 20)
    assert [row[place] for row, place in zip(ids, places)] == [49407] * 3
    with torch.no_grad():
        output = learned.model(input_ids=ids)
    torch.testing.assert_close(pooled, output.last_hidden_state[[0, 1, 2], places])
    torch.testing.assert_close(pooled[[0, 2]], output.pooler_output[[0, 2]])
    assert torch.equal(pooled[1], output.pooler_output[1]) == (eos_token_id != 2)


def test_checkpoint_of_a_backbone(tiny_pipeline, files, tmp_path):
    prompt = dict(type='CaptionPrompt', learned_embeds=files)
    backbone = TADPUNetBackbone(str(tiny_pipeline), prompt=prompt).eval()
    torch.save(backbone.state_dict(), tmp_path / 'state.pth')
    state = torch.load(tmp_path / 'state.pth', weights_only=True)
    with no_pretrained_weights():
        empty = TADPUNetBackbone(str(tiny_pipeline), prompt=prompt).eval()
    empty.load_state_dict(state)
    features = []
    for model in (backbone, empty):
        model.set_prompts(['a dark <night> photo of a car'])
        with torch.no_grad():
            features.append(model(seeded_image(1, 64)))
    for one, other in zip(*features, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_learned_rows_come_from_the_files_alone(tiny_pipeline, files, tmp_path):
    """Whatever the order of the files, and with another file of the same token."""
    save_file({'<night>': vectors('other', 3)}, tmp_path / 'night.safetensors')
    caption = ['a <comic> style painting of a <night> car']

    def build(*paths):
        prompt = dict(type='CaptionPrompt', learned_embeds=list(paths))
        return TADPUNetBackbone(str(tiny_pipeline), prompt)

    def encode(backbone):
        return backbone.prompt.text_encoder(caption)

    trained = build(*files)
    reversed_, other, plain = build(*files[::-1]), build(tmp_path / 'night.safetensors'), build()
    expected = encode(other).clone()
    for backbone in (reversed_, other, plain):
        backbone.load_state_dict(trained.state_dict())
    torch.testing.assert_close(encode(reversed_), encode(trained))
    torch.testing.assert_close(encode(other), expected)
    assert (encode(other) - encode(trained)).abs().max() > 0.1
    # And a plain checkpoint into a model with tokens.
    trained.load_state_dict(plain.state_dict())
    torch.testing.assert_close(encode(reversed_), encode(trained))


def test_what_a_checkpoint_says(model, files):
    described = CaptionPrompt(model, learned_embeds=files).describe()['learned_tokens']
    assert [(t['name'], t['vectors']) for t in described] == [('<night>', 3), ('<comic>', 1)]
    digests = {token['digest'] for token in described}
    assert len(digests) == 2 and all(len(digest) == 16 for digest in digests)
    assert CaptionPrompt(model).describe()['learned_tokens'] == []


def test_full_size_without_memory(tmp_path):
    path = tmp_path / 'night.safetensors'
    save_file({'<night>': torch.ones(2, 768)}, path)
    with torch.device('meta'), no_pretrained_weights():
        model = load_diffusion_model(None)
        prompt = CaptionPrompt(model, learned_embeds=path)
    table = prompt.text_encoder.model.embeddings.token_embedding
    assert (table.weight.shape, table.weight.device.type) == ((49408, 768), 'meta')
    assert (table.learned.shape, table.learned.device.type) == ((2, 768), 'meta')


class TestRefused:
    def read_and_add(self, model, *paths):
        return add_learned_tokens(model.text_model, model.tokenizer, read_learned_tokens(paths))

    def write(self, folder, name, count=1, width=WIDTH, file='a.safetensors'):
        save_file({name: torch.ones(count, width)}, folder / file)
        return folder / file

    @pytest.mark.parametrize('name', ['night', 'sks', '*', '<|endoftext|>', 'NIGHT'])
    def test_known_tokens(self, model, tmp_path, name):
        path = self.write(tmp_path, name)
        with pytest.raises(ValueError, match='a.safetensors.*already knows') as error:
            self.read_and_add(model, path)
        assert repr(name) in str(error.value)

    def test_a_token_of_the_pipeline_s_own(self, model, tmp_path):
        model.tokenizer.add_tokens('<night>_1')
        path = self.write(tmp_path, '<night>', count=2)
        with pytest.raises(ValueError, match="already knows '<night>_1'.*`pretrained`"):
            self.read_and_add(model, path)

    @pytest.mark.parametrize(
        'width, message',
        [
            (768, r'width 768 \(Stable Diffusion 1.x\), the text encoder has 32\.'),
            (1024, r'width 1024 \(Stable Diffusion 2.x\), the text encoder has 32\.'),
            (48, r'width 48, the text encoder has 32\.'),
        ],
    )
    def test_width(self, model, tmp_path, width, message):
        with pytest.raises(ValueError, match=f"'<night>' have the {message}"):
            self.read_and_add(model, self.write(tmp_path, '<night>', width=width))

    @pytest.mark.parametrize(
        'second, message',
        [
            ('<night>', "a.safetensors' and '.*b.safetensors' both hold the token '<night>'"),
            ('<night>_1', "both hold the token '<night>_1'"),
            # Captions are lower-cased before tokens are looked for.
            ('<NIGHT>', "does not find the token '<(night|NIGHT)>'"),
        ],
    )
    def test_twice(self, model, tmp_path, second, message):
        first = self.write(tmp_path, '<night>', count=2)
        other = self.write(tmp_path, second, file='b.safetensors')
        with pytest.raises(ValueError, match=message):
            self.read_and_add(model, first, other)

    def test_no_file(self, model):
        with pytest.raises(FileNotFoundError, match='nowhere.bin'):
            CaptionPrompt(model, learned_embeds='nowhere.bin')


def test_a_name_without_brackets_is_a_whole_word():
    model = tiny_diffusion_model()
    token = LearnedToken('zur', torch.randn(2, 32), Path('zur.safetensors'))
    _, tokenizer, expansions = add_learned_tokens(model.text_model, model.tokenizer, [token])
    plain = model.tokenizer
    assert tokenizer('an azure sky').input_ids == plain('an azure sky').input_ids
    (number,) = expansions
    for caption in ('zur', 'a zur sky', 'a zur, b', 'Zur'):
        assert number in tokenizer(caption).input_ids, caption
