import math

import pytest
import torch

from mmtadp.engine.hooks import NotFiniteError
from mmtadp.utils.work_dir import find_checkpoints, release_work_dir
from tests.utils.small_runs import Recorder, SmallModel, small_runner


class Diverging(SmallModel):
    """Its loss is not finite from a forward in training on."""

    first, value = 5, math.nan

    def forward(self, inputs, index=None, mode='tensor'):
        result = super().forward(inputs, index, mode)
        if mode == 'loss':
            self.count = getattr(self, 'count', 0) + 1
            if self.count >= self.first:
                result['loss_extra'] = result['loss_fit'] * self.value
        return result


def diverge(tmp_path, first, value=math.nan, **options):
    model = type('Model', (Diverging,), dict(first=first, value=value))
    try:
        with pytest.raises(NotFiniteError) as info:
            small_runner(tmp_path, model=dict(type=model), validate=False, **options).train()
    finally:
        release_work_dir(tmp_path)
    return str(info.value)


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_stops_before_the_next_checkpoint(tmp_path, value):
    message = diverge(tmp_path, 5, value)
    assert f'not finite at iteration 5: loss is {value}, loss_extra is {value}' in message
    assert f'The last good checkpoint is {tmp_path / "iter_3.pth"}' in message
    assert 'optim_wrapper.optimizer.lr' in message and 'optim_wrapper.clip_grad' in message
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_3.pth']


def test_in_the_iteration_of_a_checkpoint(tmp_path):
    diverge(tmp_path, 6)
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_3.pth']


def test_first_iteration(tmp_path):
    message = diverge(tmp_path, 1)
    assert 'No checkpoint has been written yet' in message
    assert 'pretrained weights' in message
    assert find_checkpoints(tmp_path) == []


def test_accumulated_gradients(tmp_path):
    # The optimizer has not made a step with the bad loss yet.
    wrapper = dict(optimizer=dict(type='Adam', lr=0.1), accumulative_counts=12)
    assert 'iteration 2' in diverge(tmp_path, 2, optim_wrapper=wrapper)


def test_weights_after_a_finite_loss(tmp_path):
    def spoil(runner):
        if runner.iter == 4:
            with torch.no_grad():
                runner.model.layers[0].bias[0] = math.inf
                # The loss is as before.
                runner.model.layers[0].register_forward_hook(lambda *_: torch.zeros(2, 6))

    with pytest.raises(NotFiniteError, match=r'weights .* after iteration 6: layers\.0\.bias'):
        small_runner(tmp_path, hooks=(Recorder(spoil),), validate=False).train()
    release_work_dir(tmp_path)
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_3.pth']


def test_values_that_are_no_losses_may_be_nan(tmp_path):
    class WithAccuracy(SmallModel):
        def forward(self, inputs, index=None, mode='tensor'):
            result = super().forward(inputs, index, mode)
            if mode == 'loss':
                result['acc'] = torch.tensor(math.nan)
            return result

    small_runner(tmp_path, model=dict(type=WithAccuracy), validate=False).train()
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_12.pth']
