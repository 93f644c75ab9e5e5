"""Single files that are not a model, or hold more than one, in every reader."""

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.converters import single_file_to_folder
from mmtadp.models.diffusion import load_diffusion_model, load_text_encoder
from mmtadp.models.diffusion.compvis_layout import UNKNOWN, leftover_reason
from mmtadp.models.diffusion.unet_loading import load_unet_weights
from tests.utils.compvis import compvis_state_dict

LORA = {'lora_unet_down_blocks_0_attentions_0_to_k.lora_down.weight': torch.ones(4, 8)}
PEFT = {'unet.down_blocks.0.attentions.0.to_k.lora_A.weight': torch.ones(4, 8)}
WHOLE = 'model.diffusion_model.input_blocks.0.0.weight'
FILES = [
    ('lora', LORA, ['a LoRA file', 'fuse_lora']),
    ('peft', PEFT, ['a LoRA file']),
    ('xl', {WHOLE: torch.ones(1), 'conditioner.embedders.0.x': torch.ones(1)}, ['Diffusion XL']),
    ('sd2', {WHOLE: torch.ones(1), 'cond_stage_model.model.x': torch.ones(1)}, ['Diffusion 2.x']),
    ('flux', {'double_blocks.0.img_attn.qkv.weight': torch.ones(1)}, ['diffusion transformer']),
    ('token', {'<night>': torch.ones(2, 768)}, ['a learned token', 'learned_embeds']),
    ('mmtadp', {'backbone.unet.conv_in.weight': torch.ones(1)}, ['a checkpoint of mmtadp']),
    ('vae', {'encoder.down.0.block.0.conv1.weight': torch.ones(1)}, ['an autoencoder by itself']),
    ('controlnet', {'control_model.input_blocks.0.0.weight': torch.ones(1)}, ['a ControlNet']),
    ('numbers', {'epoch': 3, 'name': 'x'}, ["entry 'epoch' is a int, not a tensor"]),
]


@pytest.mark.parametrize(('name', 'content', 'names'), FILES, ids=[f[0] for f in FILES])
def test_other_files(call, small_model, small_pipeline, tmp_path, name, content, names):
    path, architecture = tmp_path / f'{name}.pt', str(small_pipeline)
    torch.save(content, path)
    call(lambda: load_diffusion_model(str(path), architecture)).check(2, [path, *names])
    call(lambda: load_text_encoder(str(path), architecture)).check(2, [path, *names])
    if WHOLE not in content:
        call(lambda: load_unet_weights(small_model.unet, str(path))).check(2, [path, *names])


@pytest.fixture(scope='module')
def state(small_model):
    """Return the seeded model under CompVis keys."""
    return {k: v.contiguous() for k, v in compvis_state_dict(small_model).items()}


TEXT = 'cond_stage_model.transformer.'
LEFTOVERS = {
    'betas': torch.zeros(9),
    'denoiser.sigmas': torch.zeros(9),
    'cond_stage_model.logit_scale': torch.ones(()),
    f'{TEXT}logit_scale': torch.ones(()),
    f'{TEXT}text_projection.weight': torch.ones(2, 2),
    f'{TEXT}text_model.text_projection': torch.ones(2, 2),
    f'{TEXT}embeddings.position_ids': torch.ones(1, 77).half(),
    f'{TEXT}vision_model.post_layernorm.weight': torch.ones(2),
    'first_stage_model.loss.logvar': torch.zeros(1),
    'first_stage_model.loss.discriminator.main.0.weight': torch.zeros(1),
    'control_model.input_hint_block.0.weight': torch.ones(2),
    'embedding_manager.string_to_param_dict.x': torch.ones(2),
    'model_ema.decay': torch.ones(()),
    'model_ema.diffusion_modelout2bias': torch.ones(4),
    'safety_checker.concept_embeds': torch.ones(2),
}
LAYOUTS = {
    'short text names': lambda s: {
        key.replace(f'{TEXT}text_model.', TEXT): value for key, value in s.items()
    },
    'leftovers': lambda s: {**s, **LEFTOVERS, 'some_program.state': torch.ones(2)},
    'text': lambda s: {**s, 'recipe': 'a + b', 'epoch': 3, 'nested': {'x': torch.ones(1)}},
}


def test_known_leftovers():
    reasons = {key: leftover_reason(key) for key in LEFTOVERS}
    assert not [key for key, reason in reasons.items() if reason in (None, UNKNOWN)]
    assert leftover_reason('some_program.state') == UNKNOWN
    assert leftover_reason(WHOLE) is None


@pytest.mark.parametrize('name', LAYOUTS)
def test_layouts_in_every_reader(small_model, small_pipeline, state, tmp_path, name):
    path, architecture = tmp_path / 'merged.CKPT', str(small_pipeline)
    torch.save({'state_dict': LAYOUTS[name](state)}, path)
    report = single_file_to_folder(path, tmp_path / 'folder', architecture)
    if name == 'leftovers':
        assert report.num_dropped == len(LEFTOVERS) + 1
        assert report.dropped[UNKNOWN].example == 'some_program.state'
    key = 'embeddings.token_embedding.weight'
    for loaded in (
        load_diffusion_model(str(path), architecture).text_model,
        load_text_encoder(str(path), architecture)[0],
        load_text_encoder(str(tmp_path / 'folder'))[0],
    ):
        assert torch.equal(loaded.state_dict()[key], small_model.text_model.state_dict()[key])


UNFIT = [
    ('model.diffusion_model.out.2.bias', torch.full((4,), torch.inf), ['NaN or infinity']),
    (WHOLE, torch.ones(32, 9, 3, 3), ['takes 9 channels (a model for inpainting)']),
    ('model.diffusion_model.out.2.bias', torch.ones(4).to(torch.int8), ['quantised']),
    ('model.diffusion_model.odd.weight', torch.ones(1), ['odd.weight']),
]


@pytest.mark.parametrize(('key', 'value', 'names'), UNFIT)
def test_single_files_that_do_not_fit(call, small_model, state, tmp_path, key, value, names):
    path = tmp_path / 'm.safetensors'
    save_file({**state, key: value}, path)
    call(lambda: load_unet_weights(small_model.unet, str(path))).check(2, [path, *names])


@pytest.mark.parametrize('key', ['first_stage_model.quant_conv.bias', f'{TEXT}odd.weight'])
def test_what_the_converter_refuses(tool, call, small_pipeline, state, tmp_path, key):
    path = tmp_path / 'm.safetensors'
    value = torch.full_like(state[key], torch.nan) if key in state else torch.ones(1)
    save_file({**state, key: value}, path)
    names = [path, 'NaN or infinity' if key in state else 'odd.weight']
    arguments = (path, 'out', '--architecture', small_pipeline)
    tool('model_converters/compvis2diffusers.py', *arguments).check(2, names)
    assert not (tmp_path / 'out').exists()
    call(lambda: load_diffusion_model(str(path), str(small_pipeline))).check(2, names)
