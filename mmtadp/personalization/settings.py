"""What a run of personalisation is asked for."""

import dataclasses
from dataclasses import dataclass

from mmtadp.utils.resumable import RunError

PRECISIONS = ('no', 'fp16', 'bf16')


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What textual inversion and DreamBooth have in common.

    Attributes:
        images (str): A folder of images of the target domain, or another source that
            :func:`mmtadp.captioning.find_images` knows. No labels, no captions.
        out (str): Folder that results go to.
        pretrained (str): A hub id, a diffusers folder or a single CompVis file.
        architecture (str, optional): Of a single file; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        steps (int): Optimiser steps.
        learning_rate (float): Constant after the warm-up.
        warmup_steps (int): Steps in which the rate rises linearly.
        batch_size (int): Images per process and forward pass.
        accumulate (int): Forward passes per step.
        weight_decay (float): AdamW's.
        max_grad_norm (float): Gradients are clipped to this norm; 0 leaves them.
        resolution (int): Height and width of training images and of pictures, in pixels.
        random_crop (bool): Whether squares are cut anywhere, or in the middle.
        flip (float): Probability of a mirror image.
        seed (int): Every draw is a function of it and of the step.
        mixed_precision (str): One of :data:`PRECISIONS`.
        gradient_checkpointing (bool): Less memory, more time.
        adam_8bit (bool): Optimiser state in 8 bits, by bitsandbytes.
        cpu (bool): Stay on the CPU though there is a GPU.
        checkpoint_every (int): Steps between checkpoints; there is one at the end in any case.
        validation_prompts (tuple[str, ...]): What pictures are made of; none without.
        validation_every (int): Steps between pictures.
        validation_pictures (int): Pictures of each prompt.
        sampling_steps (int): DDIM steps of a picture.
        guidance (float): Scale of classifier-free guidance of pictures.
        overwrite (bool): Forget an earlier run in ``out``.

    Raises:
        RunError: If a value is out of range.
    """

    images: str
    out: str
    pretrained: str
    steps: int
    learning_rate: float
    architecture: str | None = None
    warmup_steps: int = 0
    batch_size: int = 1
    accumulate: int = 1
    weight_decay: float = 1e-2
    max_grad_norm: float = 0.0
    resolution: int = 512
    random_crop: bool = True
    flip: float = 0.0
    seed: int = 0
    mixed_precision: str = 'no'
    gradient_checkpointing: bool = False
    adam_8bit: bool = False
    cpu: bool = False
    checkpoint_every: int = 500
    validation_prompts: tuple[str, ...] = ()
    validation_every: int = 500
    validation_pictures: int = 4
    sampling_steps: int = 30
    guidance: float = 7.5
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ('steps', 'batch_size', 'accumulate', 'resolution', 'checkpoint_every'):
            self._check(name, 1)
        for name in ('validation_every', 'validation_pictures', 'sampling_steps'):
            self._check(name, 1)
        for name in ('warmup_steps', 'weight_decay', 'max_grad_norm', 'flip', 'seed'):
            self._check(name, 0)
        if not self.learning_rate > 0:
            raise RunError(
                f'--learning-rate is {self.learning_rate}; expected more than 0, such as 5e-4.'
            )
        if self.mixed_precision not in PRECISIONS:
            raise RunError(
                f'--mixed-precision is {self.mixed_precision!r}; expected one of {PRECISIONS}.'
            )

    def _check(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not value >= least:
            raise RunError(f'--{name.replace("_", "-")} is {value}; expected {least} or more.')

    def identity(self) -> dict:
        """What the course of a run depends on: its continuation must have the same."""
        free = {'out', 'steps', 'cpu', 'gradient_checkpointing', 'checkpoint_every', 'overwrite'}
        free |= {'validation_prompts', 'validation_every', 'validation_pictures'}
        free |= {'sampling_steps', 'guidance', 'images'}
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in free}
