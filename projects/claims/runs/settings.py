"""Where the runs of a table find their parts and leave them."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

DEFAULT_DATA = 'data/shapescenes'
"""What the configs name; another folder takes its place."""


@dataclass(frozen=True)
class Settings:
    """What all runs have in common.

    Attributes:
        configs (str): Folder of the family of configs.
        data (str): Folder of scenes, pretrained model and captions.
        work_dir (str): Each run has a folder in it, by its key.
        results (str): The raw results file.
        threads (int): Of a run; 0 leaves it to torch.
        cfg_options (dict): Overrides of all configs, as ``--cfg-options`` of ``tools/train.py``.
    """

    configs: str
    data: str = DEFAULT_DATA
    work_dir: str = 'work_dirs/claims'
    results: str = 'projects/claims/results/results.jsonl'
    threads: int = 0
    cfg_options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """For a process of its own."""
        return json.dumps(asdict(self))
