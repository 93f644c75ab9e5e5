"""Settings of the captioner's training."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CAPTIONER_SHARES = {'day': 0.4, 'night': 0.2, 'watercolor': 0.2, 'comic': 0.2}
"""Share of each domain among the scenes; the day, whose scenes are labelled, has the most."""


@dataclass(frozen=True, kw_only=True)
class CaptionerSettings:
    """Settings of a training run.

    Attributes:
        out (str): Folder of the run.
        scenes (int): Number of training scenes. A continued run may have more.
        domain_shares (Mapping[str, float]): Weight of each domain.
        steps (int): Optimiser steps. The learning rate falls in the last quarter; before that, a
            run can be continued with another number of steps.
        batch_size (int): Images per step.
        learning_rate (float): Learning rate between warm-up and decay.
        long_share (float): See :class:`.Wording`.
        mixed_precision (str): ``no`` or ``bf16``.
        seed (int): Seed of weights and batches.
        workers (int): Processes that render scenes; 0 renders in the calling process.
        device (str): Device of the training.
        checkpoint_every (int): Steps between checkpoints and samples.
        overwrite (bool): Discard an earlier run, but keep its rendered scenes.

    Raises:
        RunError: If a value is out of range.
    """

    out: str
    scenes: int = 8000
    domain_shares: Mapping[str, float] = field(default_factory=CAPTIONER_SHARES.copy)
    steps: int = 12_000
    batch_size: int = 16
    learning_rate: float = 1e-3
    long_share: float = 0.1
    mixed_precision: str = 'no'
    seed: int = 0
    workers: int = 0
    device: str = 'cpu'
    checkpoint_every: int = 500
    overwrite: bool = False

    def __post_init__(self) -> None:
        # Imported here, so that tools print their help without importing torch.
        from mmtadp.utils.errors import RunError
        from projects.shapescenes.generator import DOMAINS
        from projects.shapescenes.tinysd.stage import check_at_least

        least = dict(scenes=1, steps=1, batch_size=1, checkpoint_every=1, seed=0, workers=0)
        check_at_least(self, least)
        unknown = [domain for domain in self.domain_shares if domain not in DOMAINS]
        if unknown or not self.domain_shares or min(self.domain_shares.values()) <= 0:
            raise RunError(
                f'--domains is {dict(self.domain_shares)}; expected weights above 0 of some of '
                f'{", ".join(DOMAINS)}, such as day=2 night=1.'
            )
        if not 0 < self.long_share < 0.5:
            raise RunError(
                f'--long-share is {self.long_share}; expected more than 0, or long captions are '
                'not learned, and less than 0.5, or short ones do not end, such as 0.1.'
            )
