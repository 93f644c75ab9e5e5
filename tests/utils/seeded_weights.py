"""Weights and inputs that any machine can remake from a seed, for tests that compare numbers.

Values come from numpy's legacy ``RandomState``, whose stream is frozen; torch's generators may
change between releases. Each tensor has a stream of its own, seeded from the tensor's name, so a
tensor keeps its values when a model holds fewer parts than the one the golden values were made
with (the backbone drops the decoder and the U-Net's output convolution, for instance).
"""

import zlib

import numpy as np
import torch
from torch import Tensor, nn

# Below 1, so that features stay near unit variance after the many residual branches: float32
# rounding then stays far below the tolerances of the tests.
_GAIN = 0.5
# Queries and keys of high variance make the softmax far from uniform: with uniform attention,
# averaging the wrong layers or heads would change almost nothing.
_ATTENTION_GAIN = 2.0
# Latents then have a standard deviation of about 5, like Stable Diffusion's before scaling.
_LATENT_GAIN = 16.0


def seeded_values(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Standard normal float32 values that depend on ``name`` and ``seed`` only.

    Args:
        name: Names the stream, for example a parameter's key.
        shape: Shape of the array.
        seed: Same seed, same values. Defaults to 0.
    """
    rng = np.random.RandomState([seed, zlib.crc32(name.encode())])
    return rng.standard_normal(shape).astype(np.float32)


def seeded_image(batch_size: int, size: int, seed: int = 0) -> Tensor:
    """Random coloured squares with a little noise, shape (N, 3, size, size), within [-1, 1].

    Args:
        batch_size: N.
        size: Height and width in pixels, a multiple of 16.
        seed: Same seed, same image. Defaults to 0.
    """
    rng = np.random.RandomState([seed, zlib.crc32(b'image')])
    squares = rng.uniform(-1, 1, (batch_size, 3, size // 16, size // 16))
    noise = rng.uniform(-1, 1, (batch_size, 3, size, size))
    image = 0.8 * np.kron(squares, np.ones((16, 16))) + 0.2 * noise
    return torch.from_numpy(image.astype(np.float32))


def seeded_state_dict(
    state_dict: dict[str, Tensor], prefix: str = '', seed: int = 0
) -> dict[str, Tensor]:
    """Values of a well-conditioned random model for every floating-point entry of a state dict.

    Matrices and kernels are normal with a variance below 1 / fan_in (more for queries and
    keys), scales are near 1 and biases near 0, so that no layer is without effect, not even
    those that start at zero in training.

    Args:
        state_dict: Gives names, shapes and dtypes; its values are not read, except those of
            integer entries, which are kept.
        prefix: Put before each name to choose its stream, so that two models of a pipeline do
            not share values. Defaults to ''.
        seed: Same seed, same values. Defaults to 0.

    Returns:
        New state dict with the same keys, shapes and dtypes.
    """
    filled = {}
    for key in sorted(state_dict):
        old = state_dict[key]
        if not old.is_floating_point():
            filled[key] = old.clone()
            continue
        values = seeded_values(prefix + key, tuple(old.shape), seed)
        if old.ndim >= 2:
            values *= _gain(key) / np.sqrt(np.prod(old.shape[1:]))
        else:
            values = 0.1 * values + key.endswith('weight')
        filled[key] = torch.from_numpy(values).to(old.dtype)
    return filled


def _gain(key: str) -> float:
    if 'to_q' in key or 'to_k' in key:
        return _ATTENTION_GAIN
    return _LATENT_GAIN if key.startswith('quant_conv') else _GAIN


def seed_weights(module: nn.Module, prefix: str = '', seed: int = 0) -> nn.Module:
    """Fill a module in place with :func:`seeded_state_dict` and return it."""
    module.load_state_dict(seeded_state_dict(module.state_dict(), prefix, seed))
    return module
