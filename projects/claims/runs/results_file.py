"""The results file: one line of JSON for each finished run."""

import json
from collections.abc import Callable
from pathlib import Path

from mmtadp.utils.atomic_files import check_entries, write_text
from mmtadp.utils.json_lines import JsonLines

from .run_plan import Run

DEFAULT_RESULTS = Path('projects/claims/results/results.jsonl')


class ResultsFile:
    """Results of finished runs. Several processes may append to the file.

    Args:
        path (str | Path): The file; it need not exist.
    """

    def __init__(self, path: str | Path = DEFAULT_RESULTS) -> None:
        self.path = Path(path)
        self._lines = JsonLines(path)

    def append(self, row: dict) -> None:
        """Add the result of a run.

        Args:
            row (dict): JSON values, with ``key`` and ``fingerprint``.
        """
        self._lines.append(row)

    def rows(self) -> dict[str, dict]:
        """Return the last result of each run by key, in the order of the keys.

        Raises:
            DamagedLineError: If a line is not a result.
        """
        rows = self._lines.read({'key': str}, 'Remove the line: its run is then repeated.')
        return dict(sorted({row['key']: row for row in rows}.items()))

    def set_aside(self, is_stale: Callable[[dict], bool], elsewhere: Path) -> list[str]:
        """Move stale results to another file, so that tables do not use them.

        Args:
            is_stale (Callable): Takes a row.
            elsewhere (Path): File that stale rows are appended to.

        Returns:
            list[str]: Keys of the moved rows.
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
    """Return the run that a row is the result of.

    Raises:
        DamagedFileError: If the row does not say so.
    """
    entries = dict(config=str, seed=int, labelled=object, blur=int)
    check_entries(row, entries, f'the result of {row["key"]}', 'Remove its line.')
    return Run(row['config'], row['seed'], row['labelled'], row['blur'])
