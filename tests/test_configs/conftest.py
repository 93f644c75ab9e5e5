"""What holds for the tests that run whole configs."""

import pytest

from mmtadp.models import TADPUNetBackbone


@pytest.fixture(autouse=True)
def unformatted_dumps(monkeypatch) -> None:
    """A run writes its config several times, and formatting it would take longer than the run."""
    # mmengine imports it at the top of its module, or when it is used, by its version.
    for module in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):
        monkeypatch.setattr(
            f'{module}.FormatCode', lambda text, **options: (text, True), raising=False
        )


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
