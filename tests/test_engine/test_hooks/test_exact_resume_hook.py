"""A run that is stopped and resumed has the same images, losses and weights as another one."""

import logging

import pytest
import torch
from torch.utils.data import ConcatDataset

from mmtadp.engine.hooks.exact_resume_hook import RESUME_KEY
from tests.utils.processes import end_workers
from tests.utils.small_runs import RandomImages, Recorder, small_runner


class Stopped(Exception):  # noqa: N818 - not an error
    """Stands in for a kill."""


def stop_after(iteration):
    def stop(runner):
        if runner.iter + 1 == iteration:
            raise Stopped

    return stop


def train(work_dir, after=None, **options):
    """Return what a run recorded and its weights, or its record up to a stop."""
    recorder = Recorder(after)
    try:
        model = small_runner(work_dir, hooks=(recorder,), **options).train()
    except Stopped:
        return recorder, None
    finally:
        end_workers()
    return recorder, {key: value.clone() for key, value in model.state_dict().items()}


def resumed(work_dir, stop, **options):
    """Train, stop, and return the resumed part, with the runner that is stopped first."""
    first, _ = train(work_dir, stop_after(stop), **options)
    checkpoint = (work_dir / 'last_checkpoint').read_text()
    second, weights = train(work_dir, resume=True, load_from=checkpoint, **options)
    return first, second, weights


def assert_same_run(tmp_path, stop, interval=3, **options):
    options['checkpoint'] = dict(interval=interval)
    whole, weights = train(tmp_path / 'whole', **options)
    first, second, resumed_weights = resumed(tmp_path / 'stopped', stop, **options)
    assert len(whole.losses) == 12
    assert first.losses.keys() | second.losses.keys() == whole.losses.keys()
    start = stop - stop % interval + 1
    assert min(second.losses) == start
    for part in (first, second):
        assert part.images == {step: whole.images[step] for step in part.images}
        assert part.losses == {step: whole.losses[step] for step in part.losses}
    assert all(torch.equal(weights[key], resumed_weights[key]) for key in weights)


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize('stop', [4, 7])  # after the first checkpoint; after one before validation
def test_equal_run(tmp_path, by_epoch, workers, stop):
    assert_same_run(tmp_path, stop, by_epoch=by_epoch, workers=workers)


def test_checkpoint_of_the_last_iteration_of_an_epoch(tmp_path):
    # It is written before the epoch ends, so that a resumed run has to end the epoch.
    assert_same_run(tmp_path, 5, interval=4, by_epoch=True)


def test_checkpoint_by_epoch(tmp_path):
    loop = dict(by_epoch=True, interval=1)
    whole, weights = train(tmp_path / 'whole', by_epoch=True, checkpoint=loop)
    _, second, same = resumed(tmp_path / 'stopped', 6, by_epoch=True, checkpoint=loop)
    assert second.losses == {step: whole.losses[step] for step in range(5, 13)}
    assert all(torch.equal(weights[key], same[key]) for key in weights)


def test_without_a_seed(tmp_path):
    # mmengine draws one, so only the parts of one run can be compared: the last losses are those
    # of a copy that is resumed once more.
    options = dict(randomness=dict(seed=None), workers=2, checkpoint=dict(max_keep_ckpts=-1))
    first, second, weights = resumed(tmp_path, 8, **options)
    again, same = train(tmp_path, resume=True, load_from=str(tmp_path / 'iter_3.pth'), **options)
    for part in (first, second):
        common = part.losses.keys() & again.losses.keys()
        assert len(common) >= 5
        assert {s: part.losses[s] for s in common} == {s: again.losses[s] for s in common}
        assert {s: part.images[s] for s in common} == {s: again.images[s] for s in common}
    assert all(torch.equal(weights[key], same[key]) for key in weights)


def test_accumulated_gradients(tmp_path):
    wrapper = dict(optimizer=dict(type='Adam', lr=0.1), accumulative_counts=4)
    assert_same_run(tmp_path, 7, optim_wrapper=wrapper)  # 6 = 4 + 2 batches


def test_samplers_that_end_in_a_loop_by_iterations(tmp_path):
    loader = dict(sampler=dict(type='DefaultSampler', shuffle=True))
    whole, _ = train(tmp_path / 'seen', loader=loader)
    passes = [sum((whole.images[s] for s in range(i, i + 4)), []) for i in (1, 5, 9)]
    assert [sorted(images) for images in passes] == [list(range(8))] * 3
    assert passes[0] != passes[1] != passes[2]
    assert_same_run(tmp_path, 10, loader=loader)


def test_batches_of_one_aspect_ratio(tmp_path):
    pytest.importorskip('mmcv._ext')
    from mmdet.datasets.samplers import AspectRatioBatchSampler

    loader = dict(batch_sampler=dict(type=AspectRatioBatchSampler))
    assert_same_run(tmp_path, 7, loader=loader, workers=2)


def test_several_datasets(tmp_path):
    class Two(ConcatDataset):
        metainfo = RandomImages.metainfo

        def __init__(self):
            super().__init__([RandomImages(3), RandomImages(5)])

    assert_same_run(tmp_path, 7, loader=dict(dataset=dict(type=Two)), workers=2, by_epoch=True)


def test_no_image_is_read_twice(tmp_path, monkeypatch):
    read = []
    get = RandomImages.__getitem__
    monkeypatch.setattr(
        RandomImages, '__getitem__', lambda self, i: read.append(i) or get(self, i)
    )
    train(tmp_path, stop_after(10), validate=False)
    read.clear()
    checkpoint = str(tmp_path / 'iter_9.pth')
    train(tmp_path, resume=True, load_from=checkpoint, validate=False)
    assert len(read) == 3 * 2


def test_draws_of_workers_do_not_depend_on_their_number(tmp_path):
    one, _ = train(tmp_path / 'one', workers=1)
    two, _ = train(tmp_path / 'two', workers=2)
    assert one.losses == two.losses


def test_a_checkpoint_is_read_without_objects(tmp_path):
    train(tmp_path)
    content = torch.load(tmp_path / 'iter_12.pth', weights_only=True)[RESUME_KEY]
    assert content['seed'] == 0 and len(content['random_states']) == 1
    assert content['gradients'] == {}


def test_the_validation_that_a_stop_prevented(tmp_path):
    scores = []

    class Scores(Recorder):
        def after_val_epoch(self, runner, metrics=None):
            scores.append((runner.iter, metrics['score']))

    def stop_in_validation(runner):
        raise Stopped

    first = Recorder()
    first.before_val_iter = lambda runner, **_: stop_in_validation(runner)
    with pytest.raises(Stopped):
        small_runner(tmp_path, hooks=(first,)).train()
    checkpoint = str(tmp_path / 'iter_6.pth')
    small_runner(tmp_path, hooks=(Scores(),), resume=True, load_from=checkpoint).train()
    assert scores == [(6, 1.0), (12, 1.0)]


def test_a_run_that_ended_is_not_validated_again(tmp_path):
    best = dict(save_best='score', rule='greater')
    small_runner(tmp_path, checkpoint=best).train()
    recorder = Recorder()
    validated = []
    recorder.before_val = lambda runner: validated.append(runner.iter)
    options = dict(resume=True, load_from=str(tmp_path / 'iter_12.pth'), checkpoint=best)
    small_runner(tmp_path, hooks=(recorder,), **options).train()
    assert recorder.losses == {}
    # The checkpoint was written before its validation; only a better one writes it again.
    assert validated == [12]


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmtadp.engine.hooks.exact_resume_hook.print_log',
        lambda message, logger, level=logging.INFO: (
            said.append(message) if level == logging.WARNING else None
        ),
    )
    return said


def test_checkpoints_without_states(tmp_path, warnings):
    train(tmp_path, stop_after(4))
    checkpoint = torch.load(tmp_path / 'iter_3.pth', weights_only=False)
    del checkpoint[RESUME_KEY]
    torch.save(checkpoint, tmp_path / 'old.pth')
    second, _ = train(tmp_path, resume=True, load_from=str(tmp_path / 'old.pth'))
    assert sorted(second.losses) == list(range(4, 13))
    (warning,) = warnings
    assert 'differs from an uninterrupted one' in warning and 'no states' in warning


def test_other_settings(tmp_path, warnings):
    train(tmp_path, stop_after(4))
    checkpoint = str(tmp_path / 'iter_3.pth')
    train(tmp_path, resume=True, load_from=checkpoint, loader=dict(batch_size=4), workers=1)
    (warning,) = warnings
    assert 'images per batch: 2 then, 4 now' in warning
    assert 'workers load images: False then, True now' in warning


def test_fine_tuning_is_another_run(tmp_path, warnings):
    train(tmp_path, stop_after(4))
    recorder, _ = train(tmp_path / 'tuned', load_from=str(tmp_path / 'iter_3.pth'))
    assert len(recorder.losses) == 12
    assert warnings == []
