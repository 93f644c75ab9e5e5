"""Checkpoints in the layouts of the published implementation, remade from seeds.

``tests/data/golden/README.md`` says where the layouts come from.
"""

import gzip
import json
from pathlib import Path

import torch
from torch import Tensor

from .seeded_weights import seeded_state_dict

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'

# Beside these, what a checkpoint holds are heads. Those of seeded models need more than the seeded
# gain, or their predictions would hardly depend on the features.
_DIFFUSION = ('diffusion_model.', 'encoder_vq.', 'first_stage_model.', 'cond_stage_model.')
_HEAD_GAIN = 2.5

# Key to shape, or to the key whose tensor it shares.
Layout = dict[str, list[int] | str]


def published_layout(name: str) -> Layout:
    """Keys of a model of the published implementation, in their order."""
    path = GOLDEN / f'published_{name}.json.gz'
    return json.loads(gzip.decompress(path.read_bytes()))


def published_weights(layout: Layout) -> dict[str, Tensor]:
    """Seeded values for every key; shared tensors are shared.

    The log variance of the latents' posterior is so low that a sample of it is its mean: the
    published implementation draws samples where it scales latents.
    """
    own = {key: shape for key, shape in layout.items() if isinstance(shape, list)}
    state = seeded_state_dict({key: torch.empty(shape) for key, shape in own.items() if shape})
    # Counters of batch norm.
    state |= {key: torch.tensor(0) for key, shape in own.items() if not shape}
    for key, value in state.items():
        if key.endswith('position_ids'):
            state[key] = torch.arange(value.shape[-1]).expand(value.shape).clone()
        elif key.endswith('running_var'):
            state[key] = 1 + value.abs()
        elif key.endswith('quant_conv.bias') and 'post_quant' not in key:
            value[len(value) // 2 :] = -30
        elif key.endswith('quant_conv.weight') and 'post_quant' not in key:
            value[len(value) // 2 :] = 0
        elif value.ndim >= 2 and not any(part in key for part in _DIFFUSION):
            state[key] = _HEAD_GAIN * value
    return {key: state[of if isinstance(of, str) else key] for key, of in layout.items()}
