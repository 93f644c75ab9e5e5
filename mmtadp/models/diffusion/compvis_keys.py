"""Map a diffusion model's tensor names from diffusers to the CompVis layout.

CompVis numbers the blocks of a U-Net consecutively, diffusers groups them by resolution, and the
two name the layers of a block differently. Each function maps all keys of a model at once, because
the number of a block depends on how many layers the blocks before it have. Loading and saving use
the same map.
"""

import re
from collections.abc import Iterable

from torch import Tensor

from mmtadp.utils.errors import RunError

# Prefix of each component's keys in the CompVis layout.
PREFIXES = {
    'unet': 'model.diffusion_model.',
    'vae': 'first_stage_model.',
    'text_encoder': 'cond_stage_model.transformer.',
}

_UNET_ENDS = {
    'time_embedding.linear_1': 'time_embed.0',
    'time_embedding.linear_2': 'time_embed.2',
    'conv_in': 'input_blocks.0.0',
    'mid_block.resnets.0': 'middle_block.0',
    'mid_block.attentions.0': 'middle_block.1',
    'mid_block.resnets.1': 'middle_block.2',
    'conv_norm_out': 'out.0',
    'conv_out': 'out.2',
}
_UNET_RESNET = {
    'norm1': 'in_layers.0',
    'conv1': 'in_layers.2',
    'time_emb_proj': 'emb_layers.1',
    'norm2': 'out_layers.0',
    'conv2': 'out_layers.3',
    'conv_shortcut': 'skip_connection',
}
_VAE_MIDDLE = {
    'resnets.0': 'block_1',
    'resnets.1': 'block_2',
    'attentions.0.group_norm': 'attn_1.norm',
    'attentions.0.to_q': 'attn_1.q',
    'attentions.0.to_k': 'attn_1.k',
    'attentions.0.to_v': 'attn_1.v',
    'attentions.0.to_out.0': 'attn_1.proj_out',
}
_UP_ATTENTION = ('up', 'attentions')
_UNET_LAYER = re.compile(r'(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)')
_VAE_LAYER = re.compile(r'(encoder|decoder)\.(?:down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)')


def component_names(component: str, keys: Iterable[str]) -> dict[str, str]:
    """Return the names of a component's tensors in a CompVis checkpoint, with their prefix.

    Args:
        component (str): A key of :data:`PREFIXES`.
        keys (Iterable[str]): All keys of the component in diffusers or transformers.

    Returns:
        dict[str, str]: diffusers' key to the CompVis key.
    """
    functions = dict(unet=unet_keys, vae=vae_keys, text_encoder=text_keys)
    prefix = PREFIXES[component]
    return {key: prefix + name for key, name in functions[component](keys).items()}


def unet_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return the CompVis names of a U-Net's tensors, without their prefix.

    Args:
        keys (Iterable[str]): All keys of a ``UNet2DConditionModel`` of Stable Diffusion's kind.

    Returns:
        dict[str, str]: diffusers' key to the CompVis key.

    Raises:
        ValueError: If a key has no counterpart.
    """
    keys = list(keys)
    layers = _parse(keys, _UNET_LAYER)
    # Layers per block, of which the up blocks have one more.
    depth = max((layer for *_, kind, layer in layers if kind == 'resnets'), default=0)
    with_attention = {block for side, block, kind, _ in layers if (side, kind) == _UP_ATTENTION}
    return {key: _unet_key(key, depth, with_attention) for key in keys}


def _parse(keys: Iterable[str], pattern: re.Pattern) -> list[tuple[str, int, str, int]]:
    matches = (pattern.fullmatch(key) for key in keys)
    return [(m[1], int(m[2]), m[3], int(m[4])) for m in matches if m]


def _unet_key(key: str, depth: int, with_attention: set) -> str:
    match = _UNET_LAYER.fullmatch(key)
    if match is None:
        for ours, theirs in _UNET_ENDS.items():
            if key.startswith(f'{ours}.'):
                rest = key[len(ours) + 1 :]
                return f'{theirs}.{_unet_resnet(rest) if "resnets" in ours else rest}'
        raise RunError(f"the U-Net's tensor '{key}' has no name in the CompVis layout")
    side, kind, rest = match[1], match[3], match[5]
    block, layer = int(match[2]), int(match[4])
    first = block * (depth + 1) + (1 if side == 'down' else 0)
    if kind == 'resnets':
        place = (first + layer, 0, _unet_resnet(rest))
    elif kind == 'attentions':
        place = (first + layer, 1, rest)
    elif kind == 'downsamplers':
        place = (first + depth, 0, rest.replace('conv.', 'op.', 1))
    elif kind == 'upsamplers':
        place = (first + depth, 2 if block in with_attention else 1, rest)
    else:
        raise RunError(f"the U-Net's tensor '{key}' has no name in the CompVis layout")
    return '{}_blocks.{}.{}.{}'.format('input' if side == 'down' else 'output', *place)


def _unet_resnet(rest: str) -> str:
    name, _, parameter = rest.partition('.')
    return f'{_UNET_RESNET[name]}.{parameter}'


def vae_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return the CompVis names of an autoencoder's tensors, without their prefix.

    Args:
        keys (Iterable[str]): All keys of an ``AutoencoderKL``, or those of its encoder alone.

    Returns:
        dict[str, str]: diffusers' key to the CompVis key.
    """
    keys = list(keys)
    up_blocks = [block for half, block, *_ in _parse(keys, _VAE_LAYER) if half == 'decoder']
    last = max(up_blocks, default=0)
    return {key: _vae_key(key, last) for key in keys}


def _vae_key(key: str, last: int) -> str:
    match = _VAE_LAYER.fullmatch(key)
    if match is not None:
        half, kind, rest = match[1], match[3], match[5]
        # CompVis counts from the highest resolution on either side.
        block = int(match[2]) if half == 'encoder' else last - int(match[2])
        level = f'{half}.{"down" if half == "encoder" else "up"}.{block}'
        if kind == 'resnets':
            return f'{level}.block.{match[4]}.{rest.replace("conv_shortcut", "nin_shortcut")}'
        return f'{level}.{kind.removesuffix("rs")}.{rest}'
    for ours, theirs in _VAE_MIDDLE.items():
        key = key.replace(f'mid_block.{ours}.', f'mid.{theirs}.')
    return key.replace('conv_norm_out.', 'norm_out.')


def text_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return the CompVis names of a CLIP text model's tensors, without their prefix.

    Args:
        keys (Iterable[str]): Keys of a ``CLIPTextModel``.

    Returns:
        dict[str, str]: Key of transformers >= 5.6 to that of the versions before.
    """
    return {key: f'text_model.{key}' for key in keys}


def fit_pointwise(tensor: Tensor, ndim: int) -> Tensor:
    """Return a 1x1 convolution's kernel as a linear layer's matrix, or the reverse.

    The autoencoder's attention has kernels in CompVis and matrices in diffusers.

    Args:
        tensor (Tensor): (C, D, 1, 1) or (C, D); others are returned as they are.
        ndim (int): The wanted number of dimensions, 2 or 4.
    """
    if tensor.ndim == 4 and ndim == 2 and tensor.shape[2:] == (1, 1):
        return tensor[:, :, 0, 0]
    if tensor.ndim == 2 and ndim == 4:
        return tensor[:, :, None, None]
    return tensor
