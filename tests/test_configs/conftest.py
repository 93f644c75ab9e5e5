"""What holds for the tests that run whole configs."""

import pytest


@pytest.fixture(autouse=True)
def unformatted_dumps(monkeypatch) -> None:
    """A run writes its config several times, and formatting it would take longer than the run."""
    # mmengine imports it at the top of its module, or when it is used, by its version.
    for module in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):
        monkeypatch.setattr(
            f'{module}.FormatCode', lambda text, **options: (text, True), raising=False
        )
