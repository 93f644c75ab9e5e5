"""A process of one run: ``python -m mmtadp.claims.worker SETTINGS RUN``, both as JSON."""

import json
import sys

from .execution import execute
from .plan import Run
from .settings import Settings


def main() -> None:
    """Entry point."""
    settings, run = map(json.loads, sys.argv[1:])
    execute(Run(**run), Settings(**settings))


if __name__ == '__main__':
    main()
