"""Random draws by number."""

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
