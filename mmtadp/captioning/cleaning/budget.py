"""Limit the tokens and the cost of requests to a language model."""

from pathlib import Path
from typing import Any

from mmtadp.utils.errors import RunError
from mmtadp.utils.json_lines import JsonLines

_CHARACTERS_PER_TOKEN = 3  # on the safe side: English has about four


class BudgetSpentError(RunError):
    """The next request may cost more than is left. Earlier results are kept."""


class Budget:
    """Count tokens in a file that survives interruptions.

    Args:
        path (Path): The file; a line holds the tokens of one request, in and out.
        max_tokens (int, optional): The cap on tokens, in and out. Defaults to none.
        max_cost (float, optional): The cap on cost. Defaults to none.
        prices (tuple[float, float], optional): Cost of a million tokens in and out; needed for
            ``max_cost``.

    Attributes:
        tokens_in (int): Tokens sent so far, earlier runs included.
        tokens_out (int): Tokens received so far, earlier runs included.

    Raises:
        RunError: If there is a cap on cost without prices, or the file is damaged.
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
        self._requests = JsonLines(path)
        self._max_tokens = max_tokens
        self._max_cost = max_cost
        self._prices = prices or (0.0, 0.0)
        self.tokens_in = self.tokens_out = 0
        for number, request in enumerate(self._requests.read(), 1):
            if not _are_counts(request):
                raise RunError(
                    f'{path}, line {number}: damaged: {request!r:.60} is not a pair of counts. '
                    'Remove the line; its tokens are then not counted.'
                )
            self.tokens_in += request[0]
            self.tokens_out += request[1]

    @property
    def cost(self) -> float:
        """float: Cost so far, at the given prices."""
        return self._cost(self.tokens_in, self.tokens_out)

    def check(self, text: str, max_answer_tokens: int) -> None:
        """Check that a request fits, even if its answer is as long as possible.

        Args:
            text (str): The text of the request.
            max_answer_tokens (int): Length of the longest possible answer.

        Raises:
            BudgetSpentError: If it does not fit.
        """
        tokens_in = self.tokens_in + estimate_tokens(text)
        tokens_out = self.tokens_out + max_answer_tokens
        spent = f'{self.tokens_in + self.tokens_out:,} tokens are spent'
        if self._max_tokens is not None and tokens_in + tokens_out > self._max_tokens:
            raise BudgetSpentError(
                f'{spent}, and the next request may exceed the cap of {self._max_tokens:,}. '
                'Results so far are kept: the same command with a higher --max-tokens continues.'
            )
        if self._max_cost is not None and self._cost(tokens_in, tokens_out) > self._max_cost:
            raise BudgetSpentError(
                f'{spent} (cost {self.cost:.4f}), and the next request may exceed the cap of '
                f'{self._max_cost:g}. Results so far are kept: the same command with a higher '
                '--max-cost continues.'
            )

    def spend(self, tokens_in: int, tokens_out: int) -> None:
        """Record the tokens of a request."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self._requests.append([tokens_in, tokens_out])

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / 1e6


def _are_counts(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(count, int) and count >= 0 for count in value)


def estimate_tokens(text: str) -> int:
    """Return the number of tokens of a text, estimated on the high side."""
    return -(-len(text.encode(errors='replace')) // _CHARACTERS_PER_TOKEN)
