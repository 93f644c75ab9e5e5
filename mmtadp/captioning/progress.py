"""A progress bar with rate and time left."""

import sys

from tqdm import tqdm

# A bar in a log file is a line each time.
_SECONDS_IN_FILE = 30


class ProgressBar:
    """Counts images on standard error.

    Args:
        total (int): Number of images.
        done (int): Those of an earlier run; they count for the bar, not for the rate.
        show (bool): False for a silent one.
    """

    def __init__(self, total: int, done: int = 0, show: bool = True):
        self._start = done
        self._bar = tqdm(
            total=total,
            initial=done,
            unit='image',
            desc='captioning',
            dynamic_ncols=True,
            disable=not show,
            mininterval=0.5 if sys.stderr.isatty() else _SECONDS_IN_FILE,
        )

    def show(self, done: int) -> None:
        """Shows that so many images of this run are done."""
        self._bar.update(self._start + done - self._bar.n)

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        tqdm.write(text, file=sys.stderr)

    def __enter__(self) -> 'ProgressBar':
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
