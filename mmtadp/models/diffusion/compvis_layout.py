"""Tell what a single file of Stable Diffusion holds, or is instead: one table for all readers.

The config's ``pretrained``, the text encoder's loader and the converters read the same files.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .compvis_keys import PREFIXES

SCHEDULE_BUFFERS = (
    'betas',
    'alphas_cumprod',
    'alphas_cumprod_prev',
    'sqrt_alphas_cumprod',
    'sqrt_one_minus_alphas_cumprod',
    'log_one_minus_alphas_cumprod',
    'sqrt_recip_alphas_cumprod',
    'sqrt_recipm1_alphas_cumprod',
    'posterior_variance',
    'posterior_log_variance_clipped',
    'posterior_mean_coef1',
    'posterior_mean_coef2',
    'lvlb_weights',
    'logvar',
    'scale_factor',
    'denoiser.sigmas',
    'denoiser.log_sigmas',
)
EMA = 'model_ema.'
UNKNOWN = 'unknown to Stable Diffusion 1.x'
_TEXT = PREFIXES['text_encoder']
_CLIP = r'cond_stage_model\.(?:transformer\.)?(?:text_model\.)?'

# What training and other programs leave in a file next to the model: why it is left out, and keys.
_LEFTOVERS = (
    ('noise schedule', '|'.join(map(re.escape, SCHEDULE_BUFFERS))),
    ('positions, which transformers counts itself', r'.*\bposition_ids'),
    ('bookkeeping of the average', r'(?:.*\.)?model_ema\.(?:decay|num_updates)'),
    ('averaged U-Net (--ema takes it)', r'model_ema\..*'),
    ("heads of CLIP's training", rf'{_CLIP}(?:logit_scale|text_projection)(?:\.\w+)?'),
    ("CLIP's image encoder", rf'{_CLIP}(?:vision_model|visual|visual_projection)\..*'),
    ("loss of the autoencoder's training", r'first_stage_model\.(?:loss|model_ema)\..*'),
    ('ControlNet', r'control_model\..*'),
    ('textual inversion', r'embedding_manager\..*'),
    ('safety checker', r'safety_checker\..*'),
)
# What people take for a model: keys (one is enough), what it is, and the way out.
_OTHERS = (
    (
        r'lora_(?:unet|te\d?)_.*|.*[._]lora[._](?:up|down|A|B|linear_layer)\b.*|.*\.(?:hada|lokr)_w.*',
        'a LoRA file, which holds small changes to a model and not the model',
        'Add it to the model that it was trained on (with diffusers: load_lora_weights, then '
        'fuse_lora), save that pipeline, and give its folder',
    ),
    (
        r'conditioner\.embedders\..*',
        'Stable Diffusion XL, whose cross-attention has the width 2048',
        'Take a model of Stable Diffusion 1.x or 2.x',
    ),
    (
        r'cond_stage_model\.model\..*',
        'Stable Diffusion 2.x, whose cross-attention has the width 1024 and whose single files '
        'are not supported',
        'Take its diffusers folder',
    ),
    (
        r'(?:model\.diffusion_model\.)?(?:joint|double|single)_blocks\..*',
        'a diffusion transformer (Stable Diffusion 3 or Flux), not a U-Net',
        'Take a model of Stable Diffusion 1.x or 2.x',
    ),
    (
        r'(?:string_to_param|string_to_token|emb_params)|<[^.]*>',
        'a learned token of textual inversion',
        'Give it as learned_embeds of the prompt',
    ),
    (
        r'(?:.*\.)?backbone\.unet\..*',
        'a checkpoint of mmtadp already',
        'Load it with load_from, or give it to tools/test.py',
    ),
    (
        r'(?:.*\.)?(?:sd_model|unet\.unet|model\.unet)\..*',
        'a checkpoint of the published TADP or VPD code',
        'Convert it with tools/model_converters/published2mmtadp.py',
    ),
    (
        r'control_model\..*|controlnet_.*',
        'a ControlNet, which works on top of a model',
        'Take the model that it was trained on',
    ),
    (
        r'(?:unet\.)?(?:down_blocks|up_blocks)\..*\.transformer_blocks\..*',
        'a U-Net of diffusers',
        'Give its folder, which also holds its config.json',
    ),
    (
        r'(?:decoder|encoder)\.(?:mid_block|down_blocks|up_blocks)\..*',
        'an autoencoder of diffusers',
        'Give the folder of the whole pipeline',
    ),
    (
        r'(?:encoder|decoder)\.(?:down|up|mid)\..*',
        'an autoencoder by itself',
        'Take the file of the whole model',
    ),
    (
        r'(?:text_model\.)?embeddings\.token_embedding\..*',
        'a CLIP text model by itself',
        'Give its folder, which also holds its config.json',
    ),
    (
        r'input_blocks\..*|diffusion_model\.input_blocks\..*',
        'a U-Net by itself, without the prefix of the whole model',
        'Take the file of the whole model',
    ),
)
# Inputs of a U-Net for other purposes than text to image.
PURPOSES = {9: 'inpainting', 8: 'edits by instruction', 7: 'upscaling', 5: 'depth to image'}
FAMILIES = {768: 'Stable Diffusion 1.x', 1024: 'Stable Diffusion 2.x', 2048: 'Stable Diffusion XL'}


def canonical_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of a single file under the names of CompVis' own checkpoints.

    Some programs name the text encoder's tensors without ``text_model.``, as transformers >= 5.6
    does.

    Args:
        tensors (Mapping[str, Any]): Key to tensor.
    """
    names = {}
    for key, value in tensors.items():
        rest = key.removeprefix(_TEXT)
        if rest != key and rest.startswith(('embeddings.', 'encoder.', 'final_layer_norm.')):
            full = f'{_TEXT}text_model.{rest}'
            key = key if full in tensors else full
        names[key] = value
    return names


def leftover_reason(key: str) -> str | None:
    """Return why a tensor of a single file is left out; None if it is part of the model.

    Args:
        key (str): Its canonical name.
    """
    for reason, pattern in _LEFTOVERS:
        if re.fullmatch(pattern, key):
            return reason
    return None if key.startswith(tuple(PREFIXES.values())) else UNKNOWN


def identify(keys: Iterable[str]) -> str | None:
    """Return what a file is that is not a whole model of Stable Diffusion 1.x, and the way out.

    Args:
        keys (Iterable[str]): Its keys.

    Returns:
        str, optional: Such as 'it is a LoRA file … Add it to …'; None if it is unknown.
    """
    keys = list(keys)
    for pattern, what, remedy in _OTHERS:
        compiled = re.compile(pattern)
        if any(compiled.fullmatch(key) for key in keys):
            return f'it is {what}. {remedy}.'
    return None


def describe_missing(source: str, part: str, prefix: str, keys: Iterable[str]) -> str:
    """Return the message about a single file that lacks a part of the model.

    Args:
        source (str): The argument that names it.
        part (str): The part, such as 'unet'.
        prefix (str): The beginning of the keys that the part should have.
        keys (Iterable[str]): The file's keys.
    """
    keys = list(keys)
    known = identify(keys)
    if known is not None:
        return f'{source} has no {part} in CompVis layout: {known}'
    example = next(iter(keys), 'nothing')
    return (
        f"{source} has no {part} in CompVis layout: no key begins with '{prefix}' (the file holds "
        f"{len(keys)} keys, e.g. '{example}'). A single file must be a whole Stable Diffusion 1.x "
        'checkpoint in CompVis layout.'
    )


def describe_inputs(channels: int, width: int | None, own: int, own_width: int | None) -> str:
    """Return how the inputs of a U-Net differ from those expected; '' if they do not.

    Args:
        channels (int): Channels of its latents.
        width (int, optional): Width of its cross-attention.
        own (int): The channels expected.
        own_width (int, optional): The width expected.
    """
    said = []
    if channels != own:
        purpose = f' (a model for {PURPOSES[channels]})' if channels in PURPOSES else ''
        said.append(f'Its U-Net takes {channels} channels{purpose}, not {own}.')
    if None not in (width, own_width) and width != own_width:
        said.append(
            f'Its cross-attention has the width {width}{_family(width)}, not '
            f'{own_width}{_family(own_width)}.'
        )
    return ' '.join(said)


def _family(width: int) -> str:
    return f' ({FAMILIES[width]})' if width in FAMILIES else ''
