"""The raw results file: one line of JSON for each finished run."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from mmtadp.utils.atomic_files import write_text

from .run_plan import Run

DEFAULT_RESULTS = Path('projects/claims/results/results.jsonl')


class ResultsFile:
    """Results of finished runs, which several processes may add to.

    Args:
        path (str | Path): The file; it need not be there yet.
    """

    def __init__(self, path: str | Path = DEFAULT_RESULTS) -> None:
        self.path = Path(path)

    def append(self, row: dict) -> None:
        """Adds a run, in one write: a line is there whole, or not at all.

        Args:
            row (dict): With ``key`` and ``fingerprint``, and whatever JSON can hold.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = (json.dumps(row) + '\n').encode()
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            # What a power cut left of a line must not take the next one with it.
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b'\n':
                line = b'\n' + line
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)

    def rows(self) -> dict[str, dict]:
        """The last result of each run, by key, in the order of the keys."""
        if not self.path.exists():
            return {}
        found = {}
        for line in self.path.read_text().splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            found[row['key']] = row
        return dict(sorted(found.items()))

    def set_aside(self, is_stale: Callable[[dict], bool], elsewhere: Path) -> list[str]:
        """Moves results that no longer hold to another file, so that no table mixes them in.

        Args:
            is_stale (Callable): Takes a row.
            elsewhere (Path): File that they are added to.

        Returns:
            list[str]: Keys of what was moved.
        """
        rows = self.rows().values()
        stale = [row for row in rows if is_stale(row)]
        if stale:
            aside = ResultsFile(elsewhere)
            for row in stale:
                aside.append(row)
            text = ''.join(json.dumps(row) + '\n' for row in rows if row not in stale)
            write_text(self.path, text)
        return [row['key'] for row in stale]


def run_of(row: dict) -> Run:
    """The run that a row is the result of."""
    return Run(row['config'], row['seed'], row['labelled'], row['blur'])
