"""Train the captioner on captioned scenes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmtadp.utils.atomic_files import write_text
from mmtadp.utils.folder_lock import FolderLock
from projects.shapescenes.tinysd.autoencoder_stage import to_tensor
from projects.shapescenes.tinysd.stage import Stage, train_stage

from .captioner_settings import CaptionerSettings
from .domain_images import DomainImages, draw, held_out_scene
from .model import IMAGE_SIZE, build_captioner, write_captioner
from .wording import IGNORED, LONG_MIN_NEW_TOKENS, Wording, build_word_tokenizer

_NUM_SHOWN = 4


class CaptionerStage(Stage):
    """Train with the cross entropy of the next word, over both captions of each scene.

    Args:
        images (Mapping[str, DomainImages]): Training images by domain.
        settings (CaptionerSettings): Settings of the run.
    """

    def __init__(self, images: Mapping[str, DomainImages], settings: CaptionerSettings) -> None:
        self.tokenizer = build_word_tokenizer()
        self.wording = Wording(self.tokenizer, settings.long_share)
        self.images = images
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
        self._samples = [(of, i) for of in images.values() for i in range(len(of))]

    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the loss in nats per word."""
        drawn = torch.randint(len(self._samples), (self.batch_size,), generator=generator)
        flips = torch.rand(self.batch_size, generator=generator) < 0.5
        samples = [self._samples[number] for number in drawn.tolist()]
        images = np.stack([domain[i] for domain, i in samples])
        images = torch.where(
            flips[:, None, None, None], to_tensor(images[:, :, ::-1]), to_tensor(images)
        )
        texts = self.wording.batch([domain.scene(i) for domain, i in samples], generator)
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
        """Write captions of held-out scenes to a text file."""
        lines = []
        for domain in self.images:
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
    """Train a captioner, or continue an interrupted run.

    Args:
        settings (CaptionerSettings): Settings of the run.

    Returns:
        Path: ``OUT/captioner``, a folder for ``tools/captions/generate.py --model``.

    Raises:
        RunError: If ``out`` holds a run with other settings, another process trains into it, or
            training diverges.
        Interrupted: If SIGINT or SIGTERM arrived; a checkpoint is then written.
    """
    with FolderLock(settings.out):
        return _train(settings, Path(settings.out))


def _train(settings: CaptionerSettings, out: Path) -> Path:
    total = sum(settings.domain_shares.values())
    images = {
        domain: DomainImages(
            out / 'scenes',
            domain,
            max(1, round(settings.scenes * share / total)),
            IMAGE_SIZE,
            settings.workers,
        )
        for domain, share in settings.domain_shares.items()
    }
    stage = CaptionerStage(images, settings)
    train_stage(stage, out, settings.steps, settings.checkpoint_every, settings.overwrite)
    write_captioner(stage.average.module, stage.tokenizer, out / 'captioner')
    return out / 'captioner'
