"""What goes wrong in ways that the user can put right, and what is no failure."""


class RunError(ValueError):
    """Arguments, files and earlier runs do not go together; the message says what to do."""


class Interrupted(Exception):  # noqa: N818 - as KeyboardInterrupt, no error
    """A run was asked to stop and has saved what it did.

    Attributes:
        step (int): Optimiser steps done.
        signal (int): What asked.
    """

    def __init__(self, step: int, signal: int) -> None:
        super().__init__(step, signal)
        self.step, self.signal = step, signal
