"""Settings that all runs of the table share."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

DEFAULT_DATA = 'data/shapescenes'
"""Folder of the data that the configs name."""


@dataclass(frozen=True)
class ClaimsSettings:
    """Paths and options that all runs share.

    Attributes:
        configs (str): Folder of the configs.
        data (str): Folder of scenes, captions and the pretrained model. It replaces
            :data:`DEFAULT_DATA` in the configs.
        work_dir (str): Folder of the runs' folders, which have the runs' keys as names.
        results (str): The results file.
        threads (int): Threads of a run; 0 keeps torch's default.
        cfg_options (dict): Overrides of all configs, as ``--cfg-options`` of ``tools/train.py``.
    """

    configs: str
    data: str = DEFAULT_DATA
    work_dir: str = 'work_dirs/claims'
    results: str = 'projects/claims/results/results.jsonl'
    threads: int = 0
    cfg_options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the settings as JSON, for the worker process of a run."""
        return json.dumps(asdict(self))
