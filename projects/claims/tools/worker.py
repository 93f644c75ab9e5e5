"""Execute one run: ``python worker.py SETTINGS RUN``, both as JSON."""

import json
import sys
from pathlib import Path

# To import `projects`; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from projects.claims.runs.claims_settings import ClaimsSettings
from projects.claims.runs.execution import execute
from projects.claims.runs.run_plan import Run


def main() -> None:
    """Execute the run of the command line."""
    settings, run = map(json.loads, sys.argv[1:])
    execute(Run(**run), ClaimsSettings(**settings))


if __name__ == '__main__':
    main()
