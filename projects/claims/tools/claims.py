"""Tests the paper's claims in miniature, and writes projects/claims/results.md.

    python projects/claims/tools/claims.py --quick
    python projects/claims/tools/claims.py --only '*night*' --seeds 1

Prepares what is missing of the data, makes the runs that are not in the raw results file yet, and
writes the page from that file. Interrupted in any way, the same command continues: a finished run
is not made again, unless something that it depends on has changed.

Exit codes: 0 done, 1 a run failed, 2 something that you can put right, and the message says how,
130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

# Before torch; see projects/shapescenes/tools/demo.py.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')

import torch
from mmengine.config import DictAction

from mmtadp.captions import TaggerDataError
from mmtadp.utils.resumable import Interrupted, RunError
from projects.claims.report.pictures import draw_pictures
from projects.claims.report.report import PICTURES, write_report
from projects.claims.runs.claims_settings import DEFAULT_DATA, ClaimsSettings
from projects.claims.runs.fingerprint import fingerprint
from projects.claims.runs.results_file import ResultsFile, run_of
from projects.claims.runs.run_data import prepare_runs
from projects.claims.runs.run_plan import SEEDS, Run, full_plan, quick_plan
from projects.claims.runs.schedule import default_jobs, run_all
from projects.shapescenes.tinysd.preparation import WEIGHTS

CONFIGS = Path(__file__).resolve().parents[2] / 'shapescenes' / 'configs'
_USER_ERRORS = (RunError, TaggerDataError, FileExistsError, FileNotFoundError)
_SCORES = WEIGHTS / 'captioner' / 'scores.json'


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description="Test the paper's claims in miniature.")
    parser.add_argument(
        '--quick',
        action='store_true',
        help='null text, captions, oracle and a U-Net from scratch only, with one seed',
    )
    parser.add_argument(
        '--seeds', type=int, default=len(SEEDS), help='of each setting (default: %(default)s)'
    )
    parser.add_argument('--only', metavar='PATTERN', help="runs by name, such as '*night*'")
    parser.add_argument('--dry-run', action='store_true', help='list the runs, and do nothing')
    parser.add_argument(
        '--report-only', action='store_true', help='write the page from the raw results'
    )
    parser.add_argument('--jobs', type=int, help='runs at once (default: as many as cores allow)')
    parser.add_argument(
        '--threads', type=int, help='of a run (default: 1 on a CPU; of no account on a GPU)'
    )
    parser.add_argument('--data', default=DEFAULT_DATA, help='default: %(default)s')
    parser.add_argument('--work-dir', default='work_dirs/claims', help='default: %(default)s')
    parser.add_argument(
        '--out', default='projects/claims/results.md', help='the page (default: %(default)s)'
    )
    parser.add_argument('--results', help='raw results (default: results.jsonl beside the plots)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='as in train.py')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args(arguments)
    # While data are written; trainings take their own note of it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    cuda = torch.cuda.is_available()
    threads = args.threads or (0 if cuda else 1)
    out = Path(args.out)
    settings = ClaimsSettings(
        configs=str(CONFIGS),
        data=args.data,
        work_dir=args.work_dir,
        results=args.results or str(out.with_suffix('') / 'results.jsonl'),
        threads=threads,
        cfg_options=args.cfg_options or {},
    )
    runs = choose_runs(args)
    if args.dry_run:
        done = ResultsFile(settings.results).rows()
        for run in runs:
            print(f'{"in the results" if run.key in done else "missing":<16}{run.key}')
        return 0
    code = 0
    if not args.report_only:
        try:
            code = make_runs(runs, settings, args.jobs or default_jobs(threads, cuda))
        except _USER_ERRORS as error:
            print(f'error: {error}', file=sys.stderr)
            return 2
        except Interrupted as interrupted:
            code = 128 + interrupted.signal
        except KeyboardInterrupt:
            code = 130
    if code > 1:
        print('Interrupted. The same command continues.')
        return code
    report(settings, out, with_pictures=not args.report_only)
    return code


def choose_runs(args: argparse.Namespace) -> list[Run]:
    """The runs that the arguments ask for, in the order of the plan."""
    runs = quick_plan() if args.quick else full_plan(range(max(1, args.seeds)))
    return [run for run in runs if args.only is None or fnmatch(run.key, args.only)]


def make_runs(runs: Sequence[Run], settings: ClaimsSettings, jobs: int) -> int:
    """Prepares the data, sets results aside that no longer hold, makes what is missing.

    Args:
        runs (Sequence[Run]): What is asked for.
        settings (ClaimsSettings): Those of all runs.
        jobs (int): Runs at once.

    Returns:
        int: Exit code.
    """
    prepare_runs(runs, settings.data, workers=len(os.sched_getaffinity(0)))
    results = ResultsFile(settings.results)
    aside = Path(settings.work_dir) / 'stale.jsonl'
    for key in results.set_aside(lambda row: is_stale(row, settings), aside):
        print(f'{key} was made with other settings or data; its result is now in {aside}')
    done = results.rows()
    missing = [run for run in runs if run.key not in done]
    print(f'{len(runs)} runs, {len(missing)} of them to be made, {jobs} at once', flush=True)
    outcome = run_all(missing, settings, jobs, say=lambda line: print(line, flush=True))
    return outcome.exit_code


def is_stale(row: dict, settings: ClaimsSettings) -> bool:
    """Whether a result was made with other settings or data than those of now.

    Of a result whose data are not here nothing can be said, so it stays.
    """
    try:
        return row['fingerprint'] != fingerprint(run_of(row), settings)
    except FileNotFoundError:
        return False


def report(settings: ClaimsSettings, out: Path, with_pictures: bool) -> None:
    """Writes the page, its plots and, where checkpoints are, its pictures."""
    if with_pictures:
        draw_pictures(settings, out.with_suffix('') / PICTURES)
    scores = json.loads(_SCORES.read_text()) if _SCORES.exists() else None
    write_report(ResultsFile(settings.results).rows(), out, Path(settings.results), scores)
    print(f'Wrote {out}')


if __name__ == '__main__':
    sys.exit(main())
