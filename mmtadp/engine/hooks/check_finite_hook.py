"""Stop a training whose loss or weights are not finite."""

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmtadp.registry import HOOKS, register_module
from mmtadp.utils.errors import RunError
from mmtadp.utils.work_dir import last_checkpoint

_WAYS_OUT = (
    'Try a lower learning rate (optim_wrapper.optimizer.lr), clipped gradients '
    '(optim_wrapper.clip_grad.max_norm=1.0), or bfloat16 or float32 instead of float16'
)


class NotFiniteError(RunError):
    """A loss or a weight is NaN or infinite."""


@register_module(HOOKS)
class CheckFiniteHook(Hook):
    """Stop at the first loss that is NaN or infinite, before the next checkpoint is written.

    Each loss of each iteration is checked. That makes no GPU wait: mmengine's
    ``RuntimeInfoHook`` has read the same values for the log before. Under dynamic loss scaling,
    infinite *gradients* are part of the search for the scale, and are not checked; the loss before
    scaling must be finite there as well.

    A checkpoint with weights that are not finite is not written: the step after a finite loss may
    have made them so.
    """

    # After RuntimeInfoHook, which waits for the GPU; before the checkpoint is written.
    priority = 'LOW'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | tuple | list | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the losses of an iteration.

        Raises:
            NotFiniteError: If one is not finite.
        """
        losses = {
            name: value.item() if torch.is_tensor(value) else value
            for name, value in (outputs or {}).items()
            if 'loss' in name
        }
        bad = [f'{k} is {v}' for k, v in losses.items() if not math.isfinite(v)]
        if not bad:
            return
        if runner.iter == 0:
            advice = (
                'As this is the first iteration, look for NaN in the pretrained weights, or for '
                f'images without labels. {_WAYS_OUT}'
            )
        else:
            advice = f'{_WAYS_OUT}; with the same settings, the same happens again'
        raise NotFiniteError(
            f'the loss is not finite at iteration {runner.iter + 1}: {", ".join(bad)}. '
            f'{_last_good(runner)} {advice}.'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the weights of a checkpoint.

        Raises:
            NotFiniteError: If one is not finite; nothing is written then.
        """
        state = checkpoint['state_dict']
        bad = [name for name, value in state.items() if not _is_finite(value)]
        if bad:
            others = f' and {len(bad) - 1} more' if len(bad) > 1 else ''
            raise NotFiniteError(
                f'the weights are not finite after iteration {checkpoint["meta"]["iter"]}: '
                f'{bad[0]}{others}. They are not saved. {_last_good(runner)} {_WAYS_OUT}; with '
                'the same settings, the same happens again.'
            )


def _is_finite(value: Any) -> bool:
    """Return whether a tensor of weights is finite; other values are."""
    if not torch.is_tensor(value) or not value.is_floating_point() or not value.numel():
        return True
    # Without the mask in memory that torch.isfinite makes.
    low, high = torch.aminmax(value)
    return math.isfinite(low) and math.isfinite(high)


def _last_good(runner: Runner) -> str:
    """Return a sentence that names the last checkpoint."""
    checkpoint = last_checkpoint(runner.work_dir)
    if checkpoint is None:
        return 'No checkpoint has been written yet.'
    return f'The last good checkpoint is {checkpoint}; --resume continues from it.'
