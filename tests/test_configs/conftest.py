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
    """Whether it trains and its images' captions, for each forward of a backbone, in order."""
    calls = []
    embed = TADPUNetBackbone._embed_prompts

    def record(backbone, batch_size):
        samples = backbone._samples if backbone.prompt.meta_keys else ()
        captions = [sample['caption'] for sample in samples]
        calls.append((backbone.training, captions))
        return embed(backbone, batch_size)

    monkeypatch.setattr(TADPUNetBackbone, '_embed_prompts', record)
    return calls
