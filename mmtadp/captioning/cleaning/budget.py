"""What asking a language model may cost."""

import os
from pathlib import Path

from mmtadp.utils.resumable import RunError

_CHARACTERS_PER_TOKEN = 3  # on the safe side: English has about four


class BudgetSpentError(RunError):
    """The next request might cost more than is left. What is done is kept."""


class Budget:
    """Counts tokens in a file that outlives interruptions.

    Args:
        path (Path): The file; each line is one request's tokens, in and out.
        max_tokens (int, optional): The cap on tokens, in and out. Defaults to none.
        max_cost (float, optional): The cap on cost. Defaults to none.
        prices (tuple[float, float], optional): Cost of a million tokens in and out; needed for
            ``max_cost``.

    Attributes:
        tokens_in (int): Sent so far, earlier runs included.
        tokens_out (int): Received so far.

    Raises:
        RunError: If there is a cap on cost and no price.
    """

    def __init__(
        self,
        path: Path,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        prices: tuple[float, float] | None = None,
    ):
        if max_cost is not None and prices is None:
            raise RunError('a cap on cost needs prices: the cost of a million tokens.')
        self._path = path
        self._max_tokens = max_tokens
        self._max_cost = max_cost
        self._prices = prices or (0.0, 0.0)
        self.tokens_in = self.tokens_out = 0
        if path.is_file():
            # A last line without its end was being written when the run was killed.
            for line in path.read_bytes().decode(errors='replace').split('\n')[:-1]:
                counts = line.split()
                if len(counts) == 2 and all(map(str.isdecimal, counts)):
                    self.tokens_in += int(counts[0])
                    self.tokens_out += int(counts[1])

    @property
    def cost(self) -> float:
        """Spent so far, by the prices given."""
        return self._cost(self.tokens_in, self.tokens_out)

    def check(self, text: str, most_tokens_out: int) -> None:
        """Checks that a request fits, were its answer as long as it may be.

        Args:
            text (str): What is sent.
            most_tokens_out (int): The longest answer.

        Raises:
            BudgetSpentError: If it does not fit.
        """
        tokens_in = self.tokens_in + estimate_tokens(text)
        tokens_out = self.tokens_out + most_tokens_out
        spent = f'{self.tokens_in + self.tokens_out:,} tokens are spent'
        if self._max_tokens is not None and tokens_in + tokens_out > self._max_tokens:
            raise BudgetSpentError(
                f'{spent}, and the next request may exceed the cap of {self._max_tokens:,}. What '
                'is done is kept: the same command with a higher --max-tokens continues.'
            )
        if self._max_cost is not None and self._cost(tokens_in, tokens_out) > self._max_cost:
            raise BudgetSpentError(
                f'{spent} (cost {self.cost:.4f}), and the next request may exceed the cap of '
                f'{self._max_cost:g}. What is done is kept: the same command with a higher '
                '--max-cost continues.'
            )

    def spend(self, tokens_in: int, tokens_out: int) -> None:
        """Writes down what a request has cost."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        with open(self._path, 'ab+') as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b'\n':  # the rest of a killed run
                    file.write(b'\n')
            file.write(f'{tokens_in} {tokens_out}\n'.encode())
            file.flush()
            os.fsync(file.fileno())

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / 1e6


def estimate_tokens(text: str) -> int:
    """At least as many tokens as a text has, or nearly so."""
    return -(-len(text.encode()) // _CHARACTERS_PER_TOKEN)
