"""Make a resumed training the same as one that was not interrupted."""

import logging
from typing import Any

import torch
from mmengine.dist import (
    all_gather_object,
    all_reduce,
    get_rank,
    get_world_size,
    is_main_process,
)
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import Tensor, nn

from mmtadp.engine.numbered_loop import can_number_batches, number_batches
from mmtadp.registry import HOOKS, register_module
from mmtadp.utils.seeding import random_states, restore_random_states

RESUME_KEY = 'mmtadp_resume'
"""Key of this hook's part of a checkpoint."""
# Not with the prefix of a loop, which would be logged.
_VALIDATED = 'mmtadp_validated'

# Bytes; torch allocates at such addresses.
_ALIGNMENT = 64


@register_module(HOOKS)
class ExactResumeHook(Hook):
    """Make a resumed training the same as one that was not interrupted, bit by bit on a CPU.

    mmengine restores weights, optimizer, schedule and logs. This hook adds what else a step
    depends on:

    - the states of the generators of Python, NumPy and torch in every process, which dropout and,
      without workers, flips and crops draw from;
    - the seed of the order of images, which mmengine draws again if ``randomness`` is not set;
    - the draws of worker processes, which depend on the number of the sample in the run
      (:class:`mmtadp.engine.numbered_batches.NumberedBatches`);
    - the position in the epoch, if a checkpoint is not from an epoch's end, and the batches that
      were used already, which are left out without reading them;
    - the gradients that have been accumulated since the last step of the optimizer;
    - the validation that was due after the checkpoint and not finished.

    A validation leaves the generators as they were. A checkpoint without these entries is resumed
    with a warning.
    """

    # After all others: in a validation, after the hook that saves checkpoints.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._loaded = None
        self._random_states = None
        self._states_before_val = None
        self._collected = None
        self._seed = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep this hook's part of the checkpoint."""
        self._loaded = checkpoint.get(RESUME_KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Go to the batch that follows the checkpoint, and validate what is due."""
        loop = runner.train_loop
        loaded, self._loaded = self._loaded, None
        resumed = loop.iter > 0
        loaded = (loaded or {}) if resumed else {}
        problems = [] if not resumed or loaded else ['it holds no states of random generators']
        problems += _differences(loaded.get('setting', {}), _setting(runner))
        self._number_batches(runner, loaded, problems)
        _align(runner.model)
        if problems:
            print_log(
                'The resumed run differs from an uninterrupted one in the images, flips, crops '
                f'and dropout that it draws. About the checkpoint: {"; ".join(problems)}.',
                logger='current',
                level=logging.WARNING,
            )
        states = loaded.get('random_states', [])
        self._random_states = states[get_rank()] if len(states) == get_world_size() else None
        _set_gradients(_unwrapped(runner.model), loaded.get('gradients', {}))
        if resumed and _validation_is_due(runner):
            runner.logger.info('Validating the checkpoint first, as the earlier run did not.')
            runner.val_loop.run()

    def _number_batches(self, runner: Runner, loaded: dict, problems: list[str]) -> None:
        """Make the loader of the train loop yield numbered batches from the right one on."""
        loop, config = runner.train_loop, runner._train_dataloader
        if not can_number_batches(loop, config):
            if loop.iter > 0:
                problems.append('the order of images of this dataloader cannot be restored')
            return
        self._seed = loaded.get('seed')
        if self._seed is None:
            self._seed = getattr(loop.dataloader.batch_sampler.sampler, 'seed', runner.seed)
        number_batches(loop, config, self._seed)

    def before_train_epoch(self, runner: Runner) -> None:
        """Restore the random generators of a resumed run."""
        if self._random_states is not None:
            restore_random_states(self._random_states)
            self._random_states = None

    def before_val(self, runner: Runner) -> None:
        """Keep the states of the generators."""
        self._states_before_val = random_states()
        # A checkpoint that says so is not written before the validation has its scores.
        runner.message_hub.update_info(_VALIDATED, runner.iter)

    def after_val(self, runner: Runner) -> None:
        """Restore the states of the generators."""
        if self._states_before_val is not None:
            restore_random_states(self._states_before_val)
            self._states_before_val = None

    def before_checkpoint(self, runner: Runner) -> None:
        """Collect what each process adds to a checkpoint.

        :class:`SafeCheckpointHook` calls it in every process. Other hooks that save checkpoints
        do not, and the checkpoint has the entries of the first process only.
        """
        collected = self._collect(runner, all_processes=True)
        self._collected = collected if is_main_process() else None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write this hook's part of the checkpoint, if a run can be resumed from it."""
        if 'optimizer' in checkpoint:
            collected, self._collected = self._collected, None
            checkpoint[RESUME_KEY] = collected or self._collect(runner, all_processes=False)

    def _collect(self, runner: Runner, all_processes: bool) -> dict:
        states = self._states_before_val or random_states()
        return dict(
            random_states=all_gather_object(states) if all_processes else [states],
            seed=self._seed,
            gradients=_get_gradients(_unwrapped(runner.model), all_processes),
            setting=_setting(runner),
        )


def _align(model: nn.Module) -> None:
    """Copy weights whose addresses are no multiple of 64, as those of a safetensors file may be.

    Kernels of the CPU round differently for them. A resumed run reads its weights from another
    file.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == 'cpu' and tensor.data_ptr() % _ALIGNMENT:
            tensor.data = tensor.data.clone()


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _get_gradients(model: nn.Module, all_processes: bool) -> dict[str, Tensor]:
    """Return the accumulated gradients on the CPU; those of several processes are averaged."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if all(p.grad is None for p in parameters.values()):
        return {}
    gradients = {}
    for name, parameter in parameters.items():
        gradient = parameter.grad
        if all_processes and get_world_size() > 1:
            gradient = torch.zeros_like(parameter) if gradient is None else gradient.clone()
            all_reduce(gradient, 'mean')
        if gradient is not None:
            gradients[name] = gradient.detach().cpu()
    return gradients


def _set_gradients(model: nn.Module, gradients: dict[str, Tensor]) -> None:
    if gradients:
        print_log('Restored the gradients accumulated before the checkpoint.', logger='current')
    for name, parameter in model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter)


def _setting(runner: Runner) -> dict[str, Any]:
    """Return what decides which draws a step uses."""
    loader = runner.train_loop.dataloader
    return {
        'images per batch': getattr(loader.batch_sampler, 'batch_size', None),
        'batches per epoch': len(loader),
        'processes that train': get_world_size(),
        'workers load images': loader.num_workers > 0,
    }


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f'{key}: {then[key]} then, {value} now'
        for key, value in now.items()
        if key in then and then[key] != value
    ]


def _validation_is_due(runner: Runner) -> bool:
    """Return whether a run validates at this iteration or epoch, and the checkpoint has not."""
    loop = runner.train_loop
    if runner._val_loop is None or not isinstance(loop, (EpochBasedTrainLoop, IterBasedTrainLoop)):
        return False
    if isinstance(loop, EpochBasedTrainLoop):
        done, last = loop.epoch, loop.max_epochs
        if loop.iter != done * len(loop.dataloader):
            return False
    else:
        done, last = loop.iter, loop.max_iters
    due = done >= loop.val_begin and (done % loop.val_interval == 0 or done == last)
    return due and runner.message_hub.runtime_info.get(_VALIDATED) != loop.iter
