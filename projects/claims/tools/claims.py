"""Test the paper's claims in miniature, and write projects/claims/results.md.

    python projects/claims/tools/claims.py --quick
    python projects/claims/tools/claims.py --only '*night*' --seeds 1

Prepares missing data, executes the runs that the results file lacks, and writes the page from that
file. After an interruption, the same command continues. A finished run is repeated only if
something that it depends on has changed.

Exit codes: 0 done, 1 a run failed, 2 user error (the message says how to fix it),
130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

# To import `projects`; an installed mmtadp comes first. `tools` holds what all tools share.
sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools'))

# Before torch is imported. Without the spin count, threads that wait for others take the cores.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')

from _arguments import DictAction, Parser, new_file, new_folder, positive, whole_number

from projects.claims.runs.claims_settings import DEFAULT_DATA, ClaimsSettings
from projects.claims.runs.run_plan import SEEDS, Run, full_plan, quick_plan

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ROOT / 'projects' / 'shapescenes' / 'configs'
_SCORES = ROOT / 'projects' / 'shapescenes' / 'weights' / 'captioner' / 'scores.json'


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(description="Test the paper's claims in miniature.")
    parser.add_argument(
        '--quick',
        action='store_true',
        help='run null text, captions, oracle and a U-Net from scratch only, with one seed',
    )
    parser.add_argument(
        '--seeds',
        type=whole_number(1, 1000),
        default=len(SEEDS),
        help='number of seeds per setting (default: %(default)s)',
    )
    parser.add_argument('--only', metavar='PATTERN', help="runs by name, such as '*night*'")
    parser.add_argument('--dry-run', action='store_true', help='list the runs and exit')
    parser.add_argument(
        '--report-only', action='store_true', help='write the page from the results file and exit'
    )
    parser.add_argument(
        '--jobs', type=positive, help='runs at once (default: as many as cores allow)'
    )
    parser.add_argument('--threads', type=positive, help='threads per run on a CPU (default: 1)')
    parser.add_argument(
        '--data', type=new_folder, default=DEFAULT_DATA, help='default: %(default)s'
    )
    parser.add_argument(
        '--work-dir', type=new_folder, default='work_dirs/claims', help='default: %(default)s'
    )
    parser.add_argument(
        '--out',
        type=new_file,
        default='projects/claims/results.md',
        help='the page (default: %(default)s)',
    )
    parser.add_argument(
        '--results',
        type=new_file,
        help="results file (default: results.jsonl in the page's folder of plots)",
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of all configs, as in tools/train.py',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    args = make_parser().parse_args(arguments)
    # These imports take seconds, which --help does without.
    from mmtadp.utils.errors import exit_code, same_command

    # While data are written; trainings handle the signal themselves.
    signal.signal(signal.SIGTERM, _terminate)
    return exit_code(lambda: run_claims(args), same_command())


def _terminate(number: int, _) -> None:
    raise SystemExit(128 + number)


def run_claims(args: argparse.Namespace) -> int:
    """Make the missing runs and the page that the command line asks for; return the exit code.

    Raises:
        RunError: If no run has the name, or arguments, data and earlier runs are inconsistent.
    """
    import torch

    from projects.claims.runs.results_file import ResultsFile
    from projects.claims.runs.schedule import default_jobs

    runs = choose_runs(args)
    out = Path(args.out)
    results = args.results or str(out.with_suffix('') / 'results.jsonl')
    if args.dry_run:
        done = ResultsFile(results).rows()
        for run in runs:
            print(f'{"in the results" if run.key in done else "missing":<16}{run.key}')
        return 0
    cuda = torch.cuda.is_available()
    threads = args.threads or (0 if cuda else 1)
    settings = ClaimsSettings(
        configs=str(CONFIGS),
        data=args.data,
        work_dir=args.work_dir,
        results=results,
        threads=threads,
        cfg_options=args.cfg_options or {},
    )
    code = 0
    if not args.report_only:
        code = make_runs(runs, settings, args.jobs or default_jobs(threads, cuda))
    if code > 1:
        print('Interrupted. The same command continues.', file=sys.stderr)
        return code
    report(settings, out, with_examples=not args.report_only)
    return code


def choose_runs(args: argparse.Namespace) -> list[Run]:
    """Return the requested runs in the order of the plan.

    Raises:
        RunError: If there is none.
    """
    from mmtadp.utils.arguments import closest
    from mmtadp.utils.errors import RunError

    runs = quick_plan() if args.quick else full_plan(range(args.seeds))
    chosen = [run for run in runs if args.only is None or fnmatch(run.key, args.only)]
    if not chosen:
        keys = [run.key for run in runs]
        hint = closest(args.only, keys) or f' The first is {keys[0]}.'
        raise RunError(f'--only {args.only}: none of the {len(keys)} runs has this name.{hint}')
    return chosen


def make_runs(runs: Sequence[Run], settings: ClaimsSettings, jobs: int) -> int:
    """Prepare the data, set stale results aside, and execute the missing runs.

    Args:
        runs (Sequence[Run]): The requested runs.
        settings (ClaimsSettings): Settings of all runs.
        jobs (int): Runs at once.

    Returns:
        int: Exit code.

    Raises:
        RunError: If another process makes runs in the work directory, or an override fits nothing
            in the configs.
    """
    from mmtadp.utils.folder_lock import FolderLock
    from projects.claims.runs.configuration import check_overrides
    from projects.claims.runs.results_file import ResultsFile
    from projects.claims.runs.run_data import prepare_runs
    from projects.claims.runs.schedule import available_cores, run_all

    check_overrides(runs, settings)
    with FolderLock(settings.work_dir):
        prepare_runs(runs, settings.data, workers=available_cores())
        results = ResultsFile(settings.results)
        aside = Path(settings.work_dir) / 'stale.jsonl'
        for key in results.set_aside(lambda row: is_stale(row, settings), aside):
            print(f'{key} was made with other settings or data; its result is now in {aside}')
        done = results.rows()
        missing = [run for run in runs if run.key not in done]
        print(f'{len(runs)} runs, {len(missing)} of them missing, {jobs} at once', flush=True)
        outcome = run_all(missing, settings, jobs, say=lambda line: print(line, flush=True))
        return outcome.exit_code


def is_stale(row: dict, settings: ClaimsSettings) -> bool:
    """Return whether a result was made with other settings or data than the current ones.

    Without its data a result cannot be checked, so it counts as valid.
    """
    from projects.claims.runs.fingerprint import fingerprint
    from projects.claims.runs.results_file import run_of

    try:
        return row.get('fingerprint') != fingerprint(run_of(row), settings)
    except FileNotFoundError:
        return False


def report(settings: ClaimsSettings, out: Path, with_examples: bool) -> None:
    """Write the page, its plots and, if there are checkpoints, its example images."""
    from mmtadp.utils.atomic_files import read_json
    from projects.claims.report.example_images import draw_examples
    from projects.claims.report.report import EXAMPLES, write_report
    from projects.claims.runs.results_file import ResultsFile

    if with_examples:
        draw_examples(settings, out.with_suffix('') / EXAMPLES)
    scores = read_json(_SCORES, 'Restore it from the repository.') if _SCORES.exists() else None
    write_report(ResultsFile(settings.results).rows(), out, Path(settings.results), scores)
    print(f'Wrote {out}')


if __name__ == '__main__':
    sys.exit(main())
