"""What holds for the tests that run whole configs."""

from multiprocessing.pool import ThreadPool

import pytest

from mmtadp.models import TADPUNetBackbone


@pytest.fixture(autouse=True)
def threads_for_processes(monkeypatch) -> None:
    """mmdet starts new processes for each threshold of an AP; for two images, threads will do."""
    monkeypatch.setattr('mmdet.evaluation.functional.mean_ap.Pool', ThreadPool)


@pytest.fixture
def prompted(monkeypatch) -> list[tuple[bool, list[str]]]:
    """Record for each forward pass of a backbone whether it trains, and the images' captions."""
    calls = []
    forward = TADPUNetBackbone.forward

    def record(backbone, inputs):
        samples = backbone.prompt_state.samples if backbone.prompt.meta_keys else ()
        calls.append((backbone.training, [sample['caption'] for sample in samples]))
        return forward(backbone, inputs)

    monkeypatch.setattr(TADPUNetBackbone, 'forward', record)
    return calls
