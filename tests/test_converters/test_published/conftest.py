"""The diffusion model of the published implementation's golden runs."""

from pathlib import Path

import pytest

from tests.utils.published_runs import write_architecture


@pytest.fixture(scope='session')
def architecture(tmp_path_factory) -> Path:
    """Folder with its configs."""
    return write_architecture(tmp_path_factory.mktemp('architecture') / 'published')
