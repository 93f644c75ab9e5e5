"""The training loop: one for textual inversion and DreamBooth."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from mmtadp.utils.atomic_files import write_file
from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder
from mmtadp.utils.resumable.training import check_finite, run_steps

from .concept import Concept
from .settings import PersonalizationSettings


@dataclass(frozen=True)
class RunSummary:
    """Summary of a run.

    Attributes:
        result (Path): The result.
        first (int): Steps of earlier runs.
        steps (int): Steps in all.
        usage (str): The lines of a config that use the result.
    """

    result: Path
    first: int
    steps: int
    usage: str


def make_accelerator(settings: PersonalizationSettings):
    """Build accelerate's Accelerator.

    Raises:
        RunError: If accelerate is not installed, or the device lacks the precision.
    """
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs
    except ImportError:
        raise RunError(
            "Personalisation needs accelerate: pip install 'mmtadp[personalize]'."
        ) from None
    try:
        accelerator = Accelerator(
            cpu=settings.cpu,
            mixed_precision=settings.mixed_precision,
            gradient_accumulation_steps=settings.accumulate,
            # All buffers are constants, one of them the table of embeddings.
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
    except ValueError as error:
        if settings.mixed_precision == 'no':
            raise
        raise RunError(f'--mixed-precision {settings.mixed_precision}: {error}') from error
    if settings.mixed_precision == 'fp16' and accelerator.device.type == 'cpu':
        raise RunError('--mixed-precision fp16 needs a GPU; a CPU takes bf16, or no for float32.')
    return accelerator


def personalize(method: type[Concept], settings: PersonalizationSettings) -> RunSummary | None:
    """Learn a domain, or continue an interrupted run.

    Args:
        method (type[Concept]): :class:`.TextualInversion` or :class:`.DreamBooth`.
        settings (PersonalizationSettings): The method's settings.

    Returns:
        RunSummary | None: The result; None in all processes but the main one.

    Raises:
        RunError: If arguments, images and files are inconsistent, or the training diverges.
        Interrupted: If SIGINT or SIGTERM asked the run to stop, when a checkpoint is written.
        OSError: If the results cannot be written.
    """
    accelerator = make_accelerator(settings)
    concept = method(settings, accelerator)
    folder = RunFolder(
        settings.out, concept.identity(), settings.overwrite, accelerator.is_main_process
    )
    with ExitStack() as stack:
        with accelerator.main_process_first():
            stack.enter_context(folder)
        return _Trainer(concept, settings, accelerator, folder).train()


class _Trainer:
    def __init__(
        self, concept: Concept, settings: PersonalizationSettings, accelerator, folder: RunFolder
    ) -> None:
        self.concept, self.settings = concept, settings
        self.accelerator, self.folder = accelerator, folder
        optimizer = _make_optimizer(concept, settings)
        concept.prepared, self.optimizer = accelerator.prepare(concept.module, optimizer)

    def train(self) -> RunSummary | None:
        settings, main = self.settings, self.accelerator.is_main_process
        first = self._resume()
        run_steps(
            self._step,
            self._save,
            first,
            settings.steps,
            settings.checkpoint_every,
            'personalizing',
            after=self._validate,
            any_process=self._any_process,
            show_progress=main,
        )
        if not main:
            return None
        path = self.concept.save(self.folder.path)
        return RunSummary(path, first, max(first, settings.steps), self.concept.usage(path))

    def _resume(self) -> int:
        state = self.folder.load(('weights', 'optimizer', 'scaler'))
        if self.accelerator.is_main_process:
            self.folder.start(0 if state is None else state['step'])
        self.accelerator.wait_for_everyone()
        if state is None:
            return 0
        with self.folder.restoring(), torch.no_grad():
            for weight, saved in zip(self.concept.parameters(), state['weights'], strict=True):
                weight.copy_(saved)
            self.optimizer.load_state_dict(state['optimizer'])
            if state['scaler'] is not None and self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state['scaler'])
        return state['step']

    def _save(self, step: int) -> None:
        if self.accelerator.is_main_process:
            scaler = self.accelerator.scaler
            self.folder.save(
                dict(
                    step=step,
                    weights=[weight.detach().cpu() for weight in self.concept.parameters()],
                    optimizer=self.optimizer.state_dict(),
                    scaler=None if scaler is None else scaler.state_dict(),
                )
            )
        self.accelerator.wait_for_everyone()

    def _step(self, step: int) -> dict[str, float]:
        settings, accelerator = self.settings, self.accelerator
        rate = settings.learning_rate * min(1, (step + 1) / (settings.warmup_steps + 1))
        for group in self.optimizer.param_groups:
            group['lr'] = rate
        losses = []
        for part in range(settings.accumulate):
            with accelerator.accumulate(self.concept.prepared):
                loss = self.concept.loss(self._numbers(step * settings.accumulate + part))
                accelerator.backward(loss)
                if accelerator.sync_gradients and settings.max_grad_norm:
                    accelerator.clip_grad_norm_(self.concept.parameters(), settings.max_grad_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
            losses.append(loss.detach().float())
        value = accelerator.reduce(torch.stack(losses).mean(), 'mean').item()
        advice = (
            f'Lower --learning-rate ({settings.learning_rate:g}), or use --mixed-precision bf16 '
            'or no.'
        )
        check_finite(dict(loss=value), step + 1, advice)
        if accelerator.is_main_process:
            self.folder.append(step=step + 1, loss=value)
        return dict(loss=value)

    def _numbers(self, part: int) -> list[int]:
        """Numbers of the draws of this process in a forward pass."""
        each = self.settings.batch_size
        first = (part * self.accelerator.num_processes + self.accelerator.process_index) * each
        return list(range(first, first + each))

    def _validate(self, done: int) -> None:
        settings = self.settings
        if done % settings.validation_every and done != settings.steps:
            return
        if settings.validation_prompts and self.accelerator.is_main_process:
            path = self.folder.path / 'validation' / f'{done:06d}.png'
            write_file(path, self.concept.image_grid().save)
        self.accelerator.wait_for_everyone()

    def _any_process(self, asked: bool) -> bool:
        if self.accelerator.num_processes == 1:
            return asked
        count = torch.tensor(float(asked), device=self.accelerator.device)
        return self.accelerator.reduce(count, 'sum').item() > 0


def _make_optimizer(concept: Concept, settings: PersonalizationSettings) -> torch.optim.Optimizer:
    optimizer = torch.optim.AdamW
    if settings.adam_8bit:
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError:
            raise RunError(
                '--adam-8bit needs bitsandbytes and a GPU: pip install bitsandbytes, or leave it '
                'out.'
            ) from None
        optimizer = AdamW8bit
    return optimizer(
        concept.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
