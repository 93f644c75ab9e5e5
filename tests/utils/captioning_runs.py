"""Captioning runs in this process, and what may happen to them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmtadp.captioning import Captioner, CaptioningSummary, LocalEngine, Processes, Task, run_task
from mmtadp.captioning.journal import Journal


def run(task: Task) -> CaptioningSummary:
    """Run a task on the CPU."""
    processes = Processes()
    return run_task(task, LocalEngine('cpu', processes), processes)


def captions_of(task: Task) -> dict[str, str]:
    """Return the captions that a run wrote."""
    entries = json.loads(Path(task.out).read_text())
    return {key: entry['captions'][0] for key, entry in entries.items()}


def names_beside(task: Task) -> list[str]:
    """Return the names in the folder of the result."""
    return sorted(path.name for path in Path(task.out).parent.iterdir())


def change_models(monkeypatch: pytest.MonkeyPatch, change: Callable[[Captioner], None]) -> None:
    """Apply something to every model that is loaded from now on."""
    load = Captioner.load.__func__

    def load_and_change(cls, *args, **kwargs):
        captioner = load(cls, *args, **kwargs)
        change(captioner)
        return captioner

    monkeypatch.setattr(Captioner, 'load', classmethod(load_and_change))


def change_logits(monkeypatch: pytest.MonkeyPatch, change: Callable) -> None:
    """Apply something to the logits of every model that is loaded from now on."""

    def hook(module, args, logits):
        change(logits)
        return logits

    change_models(
        monkeypatch,
        lambda captioner: captioner.model.language_model.lm_head.register_forward_hook(hook),
    )


def spy_on_batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Record size and search of every batch that is captioned from now on."""
    batches, caption = [], Captioner.caption

    def spy(self, images, decoding=None):
        batches.append((len(images), decoding))
        return caption(self, images, decoding)

    monkeypatch.setattr(Captioner, 'caption', spy)
    return batches


def interrupt(task: Task, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Run a task until so many batches are recorded."""
    append, count = Journal.append, []

    def append_and_stop(self, record: dict) -> None:
        append(self, record)
        count.append(record)
        if len(count) == batches:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, 'append', append_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(task)
