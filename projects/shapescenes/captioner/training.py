"""Trains the captioner on captioned scenes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmtadp.utils.atomic_files import write_text
from mmtadp.utils.resumable import RunError
from projects.shapescenes.generator import DOMAINS
from projects.shapescenes.tinysd.autoencoder import to_tensor
from projects.shapescenes.tinysd.stage import Stage, check_at_least, train_stage

from .model import IMAGE_SIZE, build_captioner, write_captioner
from .scenes import DomainPictures, draw, held_out_scene
from .wording import IGNORED, LONG_MIN_NEW_TOKENS, Wording, build_tokenizer

DOMAIN_SHARES = {'day': 0.4, 'night': 0.2, 'watercolor': 0.2, 'comic': 0.2}
"""Share of each domain among the scenes: the one that has labels downstream comes first."""

_NUM_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class CaptionerSettings:
    """What a run is asked for.

    Attributes:
        out (str): Folder of the run.
        scenes (int): Scenes to learn from. A run that is continued may be given more of them.
        domain_shares (Mapping[str, float]): Weight of each domain among them.
        steps (int): Optimiser steps. The learning rate falls in the last quarter of them, and
            until it does the same run can be continued with another number.
        batch_size (int): Images of a step.
        learning_rate (float): Between warm-up and decay.
        long_share (float): See :class:`.Wording`.
        mixed_precision (str): ``no`` or ``bf16``.
        seed (int): Of weights and draws.
        workers (int): Processes that draw scenes; 0: none besides this one.
        device (str): Where to train.
        checkpoint_every (int): Steps between checkpoints and samples.
        overwrite (bool): Forget an earlier run; scenes stay.

    Raises:
        RunError: If a value is out of range.
    """

    out: str
    scenes: int = 8000
    domain_shares: Mapping[str, float] = field(default_factory=DOMAIN_SHARES.copy)
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


class CaptionerStage(Stage):
    """Cross entropy of the next word, over both captions of each scene.

    Args:
        pictures (Mapping[str, DomainPictures]): What to learn from, by domain.
        settings (CaptionerSettings): What is asked for.
    """

    def __init__(
        self, pictures: Mapping[str, DomainPictures], settings: CaptionerSettings
    ) -> None:
        self.tokenizer = build_tokenizer()
        self.wording = Wording(self.tokenizer, settings.long_share)
        self.pictures = pictures
        self.batch_size, self.mixed_precision = settings.batch_size, settings.mixed_precision
        names = ('batch_size', 'learning_rate', 'long_share', 'mixed_precision', 'seed')
        super().__init__(
            build_captioner(self.tokenizer, settings.seed).to(settings.device).train(),
            {
                'domain_shares': dict(settings.domain_shares),
                **{name: getattr(settings, name) for name in names},
            },
            settings.learning_rate,
            settings.seed,
        )
        self._places = [(of, i) for of in pictures.values() for i in range(len(of))]

    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Nats per word."""
        drawn = torch.randint(len(self._places), (self.batch_size,), generator=generator)
        flips = torch.rand(self.batch_size, generator=generator) < 0.5
        places = [self._places[number] for number in drawn.tolist()]
        images = np.stack([of[i] for of, i in places])
        images = torch.where(
            flips[:, None, None, None], to_tensor(images[:, :, ::-1]), to_tensor(images)
        )
        texts = self.wording.batch([of.scene(i) for of, i in places], generator)
        labels = texts.pop('labels').to(self.device)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.mixed_precision == 'bf16'
        ):
            logits = self.module(
                pixel_values=images.to(self.device),
                use_cache=False,
                **{name: value.to(self.device) for name, value in texts.items()},
            ).logits
        return dict(
            loss=F.cross_entropy(
                logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED
            )
        )

    @torch.no_grad()
    def draw_samples(self, path: Path) -> None:
        """Captions of held-out scenes, beside the true ones, in a text file."""
        lines = []
        for domain in self.pictures:
            scenes = [held_out_scene(index) for index in range(_NUM_SHOWN)]
            images = np.stack([draw(scene, domain, IMAGE_SIZE) for scene in scenes])
            for number in (0, LONG_MIN_NEW_TOKENS):
                texts = self.tokenizer.batch_decode(
                    self.average.module.eval().generate(
                        to_tensor(images).to(self.device), min_new_tokens=number
                    ),
                    skip_special_tokens=True,
                )
                lines += [f'{domain} {number}: {text}' for text in texts]
        text = '\n'.join(lines) + '\n'
        write_text(path.with_suffix('.txt'), text)


def train_captioner(settings: CaptionerSettings) -> Path:
    """Trains a captioner, or continues to.

    Args:
        settings (CaptionerSettings): What is asked for.

    Returns:
        Path: ``OUT/captioner``, a folder that ``tools/captions/generate.py --model`` takes.

    Raises:
        RunError: If ``out`` holds another run, or training diverges.
        Interrupted: If SIGINT or SIGTERM asked the run to stop, when a checkpoint is written.
    """
    out, total = Path(settings.out), sum(settings.domain_shares.values())
    pictures = {
        domain: DomainPictures(
            out / 'scenes',
            domain,
            max(1, round(settings.scenes * share / total)),
            IMAGE_SIZE,
            settings.workers,
        )
        for domain, share in settings.domain_shares.items()
    }
    stage = CaptionerStage(pictures, settings)
    train_stage(stage, out, settings.steps, settings.checkpoint_every, settings.overwrite)
    write_captioner(stage.average.module, stage.tokenizer, out / 'captioner')
    return out / 'captioner'
