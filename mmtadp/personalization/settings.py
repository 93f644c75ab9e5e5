"""Settings of a personalisation."""

import dataclasses
import math
from dataclasses import dataclass

from mmtadp.models.diffusion.loading import DEFAULT_HUB_ID
from mmtadp.utils.errors import RunError

PRECISIONS = ('no', 'fp16', 'bf16')


@dataclass(frozen=True, kw_only=True)
class PersonalizationSettings:
    """Settings that textual inversion and DreamBooth share.

    Attributes:
        images (str): A folder of images of the target domain, or another source of
            :func:`mmtadp.utils.image_sources.find_images`. Labels and captions are not needed.
        out (str): Folder of the results.
        pretrained (str): A hub id, a diffusers folder or a single CompVis file.
        architecture (str, optional): Architecture of a single file; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        steps (int): Optimiser steps.
        learning_rate (float): Constant after the warm-up.
        warmup_steps (int): Steps in which the rate rises linearly.
        batch_size (int): Images per process and forward pass.
        accumulate (int): Forward passes per step.
        weight_decay (float): Weight decay of AdamW.
        max_grad_norm (float): Gradients are clipped to this norm; 0 leaves them.
        resolution (int): Height and width of training and validation images, in pixels.
        random_crop (bool): Crop at random, or the middle.
        flip (float): Probability of a mirror image.
        seed (int): Every draw is a function of it and of the step.
        mixed_precision (str): One of :data:`PRECISIONS`.
        gradient_checkpointing (bool): Less memory, more time.
        adam_8bit (bool): Optimiser state in 8 bits, by bitsandbytes.
        cpu (bool): Use the CPU even if there is a GPU.
        checkpoint_every (int): Steps between checkpoints; there is one at the end in any case.
        validation_prompts (tuple[str, ...]): Prompts of validation images; none by default.
        validation_every (int): Steps between validation images.
        validation_images (int): Images of each prompt.
        sampling_steps (int): DDIM steps of an image.
        guidance (float): Scale of classifier-free guidance.
        overwrite (bool): Forget an earlier run in ``out``.

    Raises:
        RunError: If a value is out of range.
    """

    images: str
    out: str
    steps: int
    learning_rate: float
    pretrained: str = DEFAULT_HUB_ID
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
    validation_images: int = 4
    sampling_steps: int = 30
    guidance: float = 7.5
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ('steps', 'batch_size', 'accumulate', 'resolution', 'checkpoint_every'):
            self._check(name, 1)
        for name in ('validation_every', 'validation_images', 'sampling_steps'):
            self._check(name, 1)
        for name in ('warmup_steps', 'weight_decay', 'max_grad_norm', 'flip', 'seed'):
            self._check(name, 0)
        if self.flip > 1:
            raise RunError(f'--flip is {self.flip}; expected a probability from 0 to 1.')
        if not 0 < self.learning_rate < math.inf:
            raise RunError(
                f'--learning-rate is {self.learning_rate}; expected more than 0, such as 5e-4.'
            )
        if self.mixed_precision not in PRECISIONS:
            raise RunError(
                f'--mixed-precision is {self.mixed_precision!r}; expected one of {PRECISIONS}.'
            )

    def _check(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not least <= value < math.inf:
            raise RunError(f'--{name.replace("_", "-")} is {value}; expected {least} or more.')

    def identity(self) -> dict:
        """Return the settings that a continuation of the run must share."""
        free = {'out', 'steps', 'cpu', 'gradient_checkpointing', 'checkpoint_every', 'overwrite'}
        free |= {'validation_prompts', 'validation_every', 'validation_images'}
        free |= {'sampling_steps', 'guidance', 'images'}
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in free}
