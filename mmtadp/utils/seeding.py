"""Random draws by number, and the states of the random generators of a process."""

import random

import numpy as np
import torch

# A prime; runs with neighbouring seeds share draws only after this many of them.
_STRIDE = 1_000_003


def numbered_generator(seed: int, number: int) -> torch.Generator:
    """Return the generator of one numbered draw of a run.

    It is on the CPU, where a seed gives the same values on any machine. A run that is continued
    makes the same draws as one that was not interrupted.

    Args:
        seed (int): Seed of the run.
        number (int): Number of the draw, such as the step.
    """
    return torch.Generator().manual_seed(seed * _STRIDE + number)


def seed_generators(*numbers: int) -> None:
    """Seed the global generators of Python, NumPy and torch (CPU) from several numbers."""
    state = np.random.SeedSequence([number % 2**64 for number in numbers]).generate_state(1)
    seed = int(state[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


def random_states() -> dict:
    """Return the states of the global generators of Python, NumPy and torch.

    Returns:
        dict: Lists and byte tensors, which ``torch.load(..., weights_only=True)`` reads. ``cuda``
        is there if CUDA is used, with the state of the current device.
    """
    name, keys, *rest = np.random.get_state()
    states = dict(
        python=random.getstate(),
        numpy=(name, keys.tolist(), *rest),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict) -> None:
    """Restore what :func:`random_states` returned, also if it was loaded onto another device."""
    version, keys, gauss = states['python']
    random.setstate((version, tuple(keys), gauss))
    name, keys, *rest = states['numpy']
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())
