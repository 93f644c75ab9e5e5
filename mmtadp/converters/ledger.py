"""Where each tensor of a checkpoint goes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Set

import torch
from torch import Tensor

from .checkpoint_file import CheckpointError, CheckpointFile


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
    """What became of a checkpoint's tensors.

    Attributes:
        taken (Dict[str, Row]): By part of the model.
        dropped (Dict[str, Row]): By reason.
        beside (Dict[str, int]): Entries beside the weights, with their number of tensors.
        notes (List[str]): What else there is to say of single tensors.
    """

    taken: Dict[str, Row] = field(default_factory=dict)
    dropped: Dict[str, Row] = field(default_factory=dict)
    beside: Dict[str, int] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)

    @property
    def num_taken(self) -> int:
        """Number of tensors of the source that are in the target."""
        return sum(row.count for row in self.taken.values())

    @property
    def num_dropped(self) -> int:
        """Number of tensors of the source that are not, on purpose."""
        return sum(row.count for row in self.dropped.values())

    def count_taken(self, part: str, example: str) -> None:
        """Counts one tensor of a part as taken."""
        self.taken.setdefault(part, Row(part, example=example)).count += 1

    def count_dropped(self, reason: str, example: str) -> None:
        """Counts one tensor as dropped."""
        self.dropped.setdefault(reason, Row(reason, example=example)).count += 1

    def lines(self) -> List[str]:
        """The report as text."""
        rows = [f'taken: {self.num_taken} tensors']
        rows += [f'  {row.count:5d}  {row.what}: {row.example}' for row in self.taken.values()]
        rows.append(f'dropped on purpose: {self.num_dropped} tensors')
        rows += [f'  {row.count:5d}  {row.what}: {row.example}' for row in self.dropped.values()]
        if self.beside:
            beside = ', '.join(f'{name} ({count})' for name, count in self.beside.items())
            rows.append(f'not weights, left behind: {beside}')
        return rows + self.notes


class Ledger:
    """Gives out a checkpoint's tensors and remembers what became of each.

    Args:
        file (CheckpointFile): The checkpoint.
        advice (str): What to do if it does not fit, for messages.
    """

    def __init__(self, file: CheckpointFile, advice: str) -> None:
        self.advice = advice
        self.path = file.path
        self.tensors = file.tensors
        self.report = Report(beside=dict(file.beside))
        self._done: Set[str] = set()
        self._missing: List[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self.tensors

    def any_with(self, prefix: str) -> bool:
        """Whether any key begins with ``prefix``."""
        return any(key.startswith(prefix) for key in self.tensors)

    def take(self, source: str, part: str, target: str) -> Optional[Tensor]:
        """The tensor ``source``, which becomes ``target``; None if there is none.

        Args:
            source (str): Key in the checkpoint.
            part (str): Part of the model, for the report.
            target (str): Key in the model.

        Returns:
            Tensor, optional: None is remembered, and :meth:`close` complains about all at once.
        """
        if source not in self.tensors:
            self._missing.append(f"'{source}' ({target})")
            return None
        if source not in self._done:
            self.report.count_taken(part, f'{source} -> {target}')
            self._done.add(source)
        return self.tensors[source]

    def drop(self, reason: str, which: Callable[[str], bool]) -> None:
        """Leaves out those of the remaining tensors that ``which`` says yes to."""
        for key in self.remaining():
            if which(key):
                self.report.count_dropped(reason, key)
                self._done.add(key)

    def drop_copies(self, copies: str, of: str) -> None:
        """Leaves out tensors that are in the checkpoint twice.

        Args:
            copies (str): Prefix of the copies.
            of (str): Prefix of what they are copies of.

        Raises:
            CheckpointError: If one is no copy.
        """
        for key in self.remaining():
            if not key.startswith(copies):
                continue
            twin = of + key[len(copies) :]
            if twin not in self.tensors:
                continue
            if not torch.equal(self.tensors[key], self.tensors[twin]):
                raise CheckpointError(
                    f"{self.path}: '{key}' should be the same tensor as '{twin}', and is not. The "
                    'file is not what the published implementation writes.'
                )
            self.report.count_dropped(f'second copy of {of}*, equal', key)
            self._done.add(key)

    def remaining(self) -> List[str]:
        """Keys that nothing has become of yet."""
        return [key for key in self.tensors if key not in self._done]

    def close(self) -> Report:
        """The report, once everything is accounted for.

        Raises:
            CheckpointError: If a tensor that the model needs is not there, or one that is there
                was neither taken nor dropped.
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
