"""Captions the images of a folder, a list, a glob or a config with an image-to-text model.

    python tools/captions/generate.py data/streets/images --out data/streets/captions.json
    python tools/captions/generate.py my_config.py --out captions.json --min-new-tokens 40
    torchrun --nproc-per-node=8 tools/captions/generate.py data/streets --out captions.json

Beside NAME.json it writes NAME.provenance.json (how the captions were made) and, if there are any,
NAME.skipped.txt (images without a caption, and why). Interrupted in any way, the same command
continues; until then a folder NAME.journal holds what is done.

Exit codes: 0 done (skipped images are no failure), 1 an error nobody foresaw, 2 one that you can
put right, and the message says how, 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import signal
import sys

# Before tokenizers are imported: loading processes are forked.
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')

import torch  # noqa: E402
from mmengine.config import DictAction  # noqa: E402

from mmtadp import captioning  # noqa: E402
from mmtadp.captioning.image_loading import DEFAULT_MAX_PIXELS, default_workers  # noqa: E402
from mmtadp.captioning.plan import DEFAULT_BATCH_SIZE  # noqa: E402
from mmtadp.utils.resumable import RunError

TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Caption images.')
    parser.add_argument('input', help=captioning.SOURCES)
    parser.add_argument('--out', required=True, metavar='NAME.json', help='the caption file')
    _add_model_arguments(parser.add_argument_group('model'))
    _add_input_arguments(parser.add_argument_group('images and keys'))
    _add_run_arguments(parser.add_argument_group('run'))
    return parser


def _add_model_arguments(group) -> None:
    group.add_argument(
        '--model',
        default=captioning.DEFAULT_MODEL,
        help='hub id or folder of an image-to-text model (default: %(default)s)',
    )
    group.add_argument('--revision', help='branch, tag or commit of a hub id')
    group.add_argument('--prompt', help='text that goes with each image, for models that take one')
    group.add_argument(
        '--min-new-tokens', type=int, default=0, help='0, 20 or 40 in the paper (default: 0)'
    )
    group.add_argument('--max-new-tokens', type=int, default=77, help='default: 77')
    group.add_argument(
        '--num-beams', type=int, default=1, help='1: greedy (default); more: beam search'
    )
    group.add_argument(
        '--dtype',
        choices=('auto', *captioning.DTYPES, 'int8'),
        default='auto',
        help='auto (default) is fp16 on a GPU and fp32 elsewhere',
    )
    group.add_argument(
        '--device', help='where the model runs (default: a GPU per process if there is one)'
    )


def _add_input_arguments(group) -> None:
    group.add_argument(
        '--key',
        choices=captioning.POLICIES,
        default='relpath',
        help='what names an image in the file: its stem, its file name, or its path relative to '
        '--root (default)',
    )
    group.add_argument(
        '--root',
        metavar='FOLDER',
        help='where relative paths start (default: the folder, the folder of the list, what is '
        "before a glob's first wildcard, or a config's image folders)",
    )
    group.add_argument(
        '--splits',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=('train', 'val', 'test'),
        help='of a config (default: all)',
    )
    group.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )
    group.add_argument(
        '--max-pixels',
        type=int,
        default=DEFAULT_MAX_PIXELS,
        help='larger images are skipped (default: %(default)s)',
    )


def _add_run_arguments(group) -> None:
    group.add_argument(
        '--batch-size',
        type=int,
        default=DEFAULT_BATCH_SIZE,
        help='first size to try, halved while memory runs out (default: %(default)s)',
    )
    group.add_argument(
        '--workers',
        type=int,
        default=default_workers(),
        help='processes that decode images (default here: %(default)s)',
    )
    group.add_argument('--engine', choices=('local', 'ray'), default='local')
    group.add_argument('--actors', type=int, help='with --engine ray: how many models')
    group.add_argument(
        '--part',
        nargs=2,
        type=int,
        metavar=('INDEX', 'COUNT'),
        help='caption one of COUNT parts only; tools/captions/merge.py joins their files',
    )
    group.add_argument('--overwrite', action='store_true', help='forget earlier results of --out')


def make_task(args: argparse.Namespace) -> captioning.Task:
    """What the arguments ask for."""
    dtype = args.dtype
    if dtype == 'auto':
        dtype = 'fp16' if _device(args, 0).startswith('cuda') else 'fp32'
    return captioning.Task(
        source=args.input,
        out=args.out,
        model=args.model,
        revision=args.revision,
        prompt=args.prompt,
        decoding=captioning.Decoding(args.min_new_tokens, args.max_new_tokens, args.num_beams),
        dtype=dtype,
        key=args.key,
        root=args.root,
        splits=tuple(args.splits),
        cfg_options=args.cfg_options,
        part=None if args.part is None else tuple(args.part),
        batch_size=args.batch_size,
        max_pixels=args.max_pixels,
        workers=args.workers,
        overwrite=args.overwrite,
    )


def _device(args: argparse.Namespace, local_rank: int) -> str:
    if args.device is not None:
        return args.device
    return f'cuda:{local_rank}' if torch.cuda.is_available() else 'cpu'


def make_engine(
    args: argparse.Namespace, processes: captioning.Processes
) -> captioning.LocalEngine | captioning.RayEngine:
    """What captions."""
    if args.engine == 'local':
        return captioning.LocalEngine(_device(args, processes.local_rank), processes)
    if processes.count > 1:
        raise captioning.RunError(
            '--engine ray starts its own processes: run it without torchrun.'
        )
    return captioning.RayEngine(args.actors)


def report(task: captioning.Task, engine, summary: captioning.Summary) -> None:
    """Says what there is now, and how to use it."""
    files = captioning.ResultFiles(task.out)
    print(f'{task.out}: {summary.captions:,} captions, {summary.new:,} images done in this run')
    if summary.skipped:
        print(f'{summary.skipped:,} images have none: {files.skipped} says why')
    if engine.seconds:
        print(
            f'{engine.seconds:.1f} s, {summary.new / engine.seconds:.2f} images/s, '
            f'{engine.model_share:.0%} of the time in the model, batches of up to '
            f'{engine.batch_size}'
        )
    print(
        f"In a config: dict(type='mmtadp.CaptionLoadTransform', ann_file={task.out!r}, "
        f'key={task.key!r})'
    )


def _terminate(*_) -> None:
    # The signal may have gone to the whole group; that the workers end is no error then.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raise SystemExit(TERMINATED)


def main() -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    processes = captioning.Processes.from_environment()
    try:
        task = make_task(args)
        engine = make_engine(args, processes)
        summary = captioning.run_task(task, engine, processes)
    except RunError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if processes.is_main:
            without = ' without --overwrite' if args.overwrite else ''
            print(f'\nInterrupted. The same command{without} continues.', file=sys.stderr)
        return INTERRUPTED
    if summary is not None:
        report(task, engine, summary)
    return 0


if __name__ == '__main__':
    sys.exit(main())
