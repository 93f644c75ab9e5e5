"""Track where each tensor of a checkpoint goes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtadp.utils.tensor_files import WeightsFile

from .checkpoint_file import CheckpointError


@dataclass
class Row:
    """One line of a report.

    Attributes:
        what (str): Part of the model, or the reason why tensors were dropped.
        count (int): Number of tensors.
        example (str): Key of one of them in the source, and in the target if it was taken.
    """

    what: str
    count: int = 0
    example: str = ''


@dataclass
class Report:
    """The destination of each tensor of a checkpoint.

    Attributes:
        taken (dict[str, Row]): By part of the model.
        dropped (dict[str, Row]): By reason.
        other_entries (dict[str, int]): Entries that are not weights, with their number of tensors.
        notes (list[str]): Remarks on single tensors.
    """

    taken: dict[str, Row] = field(default_factory=dict)
    dropped: dict[str, Row] = field(default_factory=dict)
    other_entries: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def num_taken(self) -> int:
        """Return the number of tensors that are in the target."""
        return sum(row.count for row in self.taken.values())

    @property
    def num_dropped(self) -> int:
        """Return the number of tensors that were left out on purpose."""
        return sum(row.count for row in self.dropped.values())

    def count_taken(self, part: str, example: str) -> None:
        """Count one tensor of a part as taken."""
        self.taken.setdefault(part, Row(part, example=example)).count += 1

    def count_dropped(self, reason: str, example: str) -> None:
        """Count one tensor as dropped."""
        self.dropped.setdefault(reason, Row(reason, example=example)).count += 1

    def lines(self) -> list[str]:
        """Return the report as text."""
        rows = [f'taken: {self.num_taken} tensors']
        rows += [f'  {row.count:5d}  {row.what}: {row.example}' for row in self.taken.values()]
        rows.append(f'dropped on purpose: {self.num_dropped} tensors')
        rows += [f'  {row.count:5d}  {row.what}: {row.example}' for row in self.dropped.values()]
        if self.other_entries:
            pairs = self.other_entries.items()
            others = ', '.join(f'{name} ({count})' if count else name for name, count in pairs)
            rows.append(f'not weights, left out: {others}')
        return rows + self.notes


class TensorTracker:
    """Hand out a checkpoint's tensors and record the destination of each.

    Args:
        file (WeightsFile): The checkpoint.
        advice (str): The way out if it does not fit, for messages.
    """

    def __init__(self, file: WeightsFile, advice: str) -> None:
        self.advice = advice
        self.path = file.path
        self.tensors = file.tensors
        self.report = Report(other_entries=dict(file.other_entries))
        self._done: set[str] = set()
        self._missing: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self.tensors

    def any_with(self, prefix: str) -> bool:
        """Return whether any key begins with ``prefix``."""
        return any(key.startswith(prefix) for key in self.tensors)

    def take(self, source: str, part: str, target: str) -> Tensor | None:
        """Return the tensor ``source``, which becomes ``target``.

        Args:
            source (str): Key in the checkpoint.
            part (str): Part of the model, for the report.
            target (str): Key in the model.

        Returns:
            Tensor, optional: None if it is missing; :meth:`close` reports all missing tensors.
        """
        if source not in self.tensors:
            self._missing.append(f"'{source}' ({target})")
            return None
        if source not in self._done:
            self.report.count_taken(part, f'{source} -> {target}')
            self._done.add(source)
        return self.tensors[source]

    def drop(self, reason: str, which: Callable[[str], bool]) -> None:
        """Leave out the remaining tensors for whose key ``which`` returns True."""
        for key in self.remaining():
            if which(key):
                self.report.count_dropped(reason, key)
                self._done.add(key)

    def drop_copies(self, copies: str, originals: str) -> None:
        """Leave out tensors that are in the checkpoint twice.

        Args:
            copies (str): Prefix of the copies.
            originals (str): Prefix of the tensors that they repeat.

        Raises:
            CheckpointError: If one is not a copy.
        """
        for key in self.remaining():
            if not key.startswith(copies):
                continue
            twin = originals + key[len(copies) :]
            if twin not in self.tensors:
                continue
            if not torch.equal(self.tensors[key], self.tensors[twin]):
                raise CheckpointError(
                    f"{self.path}: '{key}' should be the same tensor as '{twin}', and is not. The "
                    'published implementation does not write such files.'
                )
            self.report.count_dropped(f'second copy of {originals}*, equal', key)
            self._done.add(key)

    def remaining(self) -> list[str]:
        """Return the keys that were neither taken nor dropped yet."""
        return [key for key in self.tensors if key not in self._done]

    def close(self) -> Report:
        """Return the report, once every tensor is accounted for.

        Raises:
            CheckpointError: If a tensor that the model needs is missing, or a tensor of the
                checkpoint was neither taken nor dropped.
        """
        if self._missing:
            raise CheckpointError(
                f'{self.path} lacks {len(self._missing)} tensors that the model needs, e.g. '
                f'{", ".join(self._missing[:3])}. {self.advice}'
            )
        left = self.remaining()
        if left:
            groups = Counter('.'.join(key.split('.')[:2]) for key in left)
            where = ', '.join(f'{name}.* ({count})' for name, count in groups.most_common(3))
            raise CheckpointError(
                f'{self.path}: {len(left)} tensors have no place in the model: {where}, e.g. '
                f"'{left[0]}'. {self.advice}"
            )
        return self.report
