"""Models in the layout of CompVis checkpoints, to test that they are read back."""

import re

from torch import Tensor, nn

from mmtadp.models.diffusion import DiffusionModel

_RESNET = {
    'norm1': 'in_layers.0',
    'conv1': 'in_layers.2',
    'time_emb_proj': 'emb_layers.1',
    'norm2': 'out_layers.0',
    'conv2': 'out_layers.3',
    'conv_shortcut': 'skip_connection',
}
_UNET_ENDS = {
    'time_embedding.linear_1': 'time_embed.0',
    'time_embedding.linear_2': 'time_embed.2',
    'conv_in': 'input_blocks.0.0',
    'conv_norm_out': 'out.0',
    'conv_out': 'out.2',
    'mid_block.resnets.0': 'middle_block.0',
    'mid_block.attentions.0': 'middle_block.1',
    'mid_block.resnets.1': 'middle_block.2',
}
_VAE_NAMES = {
    'conv_norm_out': 'norm_out',
    'conv_shortcut': 'nin_shortcut',
    'downsamplers.0': 'downsample',
    'upsamplers.0': 'upsample',
    'mid_block.resnets.0': 'mid.block_1',
    'mid_block.resnets.1': 'mid.block_2',
    'mid_block.attentions.0.group_norm': 'mid.attn_1.norm',
    'mid_block.attentions.0.to_q': 'mid.attn_1.q',
    'mid_block.attentions.0.to_k': 'mid.attn_1.k',
    'mid_block.attentions.0.to_v': 'mid.attn_1.v',
    'mid_block.attentions.0.to_out.0': 'mid.attn_1.proj_out',
}


def compvis_state_dict(model: DiffusionModel) -> dict[str, Tensor]:
    """All of a model's weights under their CompVis keys, for SD 1.x-shaped models."""
    layers = model.unet.config.layers_per_block
    state = {}
    for key, value in model.unet.state_dict().items():
        state[f'model.diffusion_model.{_unet_key(key, layers, model.unet)}'] = value
    levels = len(model.vae.config.block_out_channels)
    for key, value in model.vae.state_dict().items():
        # CompVis has 1x1 convolutions where diffusers has linear layers.
        is_linear = re.search(r'attentions\.0\.to_.*weight$', key)
        state[f'first_stage_model.{_vae_key(key, levels)}'] = (
            value[:, :, None, None] if is_linear else value
        )
    for key, value in model.text_model.state_dict().items():
        state[f'cond_stage_model.transformer.text_model.{key}'] = value
    return state


def _unet_key(key: str, layers: int, unet: nn.Module) -> str:
    for old, new in _UNET_ENDS.items():
        if key.startswith(old + '.'):
            key = new + key[len(old) :]
    match = re.match(r'(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)', key)
    if match:
        side, block, kind, layer, rest = match.groups()
        block, layer = int(block), int(layer)
        attention = len(getattr(unet.up_blocks[block], 'attentions', ())) > 0
        if side == 'down':
            group = 1 + block * (layers + 1)
            index, slot = {
                'resnets': (group + layer, 0),
                'attentions': (group + layer, 1),
                'downsamplers': (group + layers, 0),
            }[kind]
            if kind == 'downsamplers':
                rest = rest.replace('conv.', 'op.', 1)
            key = f'input_blocks.{index}.{slot}.{rest}'
        else:
            group = block * (layers + 1)
            index, slot = {
                'resnets': (group + layer, 0),
                'attentions': (group + layer, 1),
                'upsamplers': (group + layers, 2 if attention else 1),
            }[kind]
            key = f'output_blocks.{index}.{slot}.{rest}'
    for old, new in _RESNET.items():
        key = re.sub(
            rf'((?:input|output)_blocks\.\d+\.0|middle_block\.[02])\.{old}\.', rf'\1.{new}.', key
        )
    return key


def _vae_key(key: str, levels: int) -> str:
    for old, new in _VAE_NAMES.items():
        key = key.replace(old + '.', new + '.')
    key = re.sub(r'down_blocks\.(\d+)\.resnets\.', r'down.\1.block.', key)
    key = re.sub(r'down_blocks\.', 'down.', key)
    key = re.sub(r'up_blocks\.(\d+)\.', lambda m: f'up.{levels - 1 - int(m[1])}.', key)
    return re.sub(r'(up\.\d+)\.resnets\.', r'\1.block.', key)
