"""Caption the images of a folder, a list, a glob or a config with an image-to-text model.

    python tools/captions/generate.py data/streets/images --out data/streets/captions.json
    python tools/captions/generate.py my_config.py --out captions.json --min-new-tokens 40
    torchrun --nproc-per-node=8 tools/captions/generate.py data/streets --out captions.json

Next to NAME.json it writes NAME.provenance.json (how the captions were made) and, if images were
skipped, NAME.skipped.txt (these images and the reasons). After any interruption, the same command
continues; a folder NAME.journal holds the results until then.

Exit codes: 0 done (skipped images are not an error), 1 unexpected error, 2 user error (the message
describes how to fix it), 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import (  # noqa: E402
    DictAction,
    Parser,
    device,
    new_file,
    non_negative,
    positive,
)

# Before tokenizers are imported, because the processes that decode images are forked.
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')

# The library is imported after the arguments are parsed: --help and wrong arguments must not wait
# for torch.
SOURCES = (
    'a folder (searched with its subfolders), an image, a text file with one image per line, a '
    "quoted glob such as 'data/*/images/*.jpg', or an mmseg or mmdet config"
)
SPLITS = ('train', 'val', 'test')
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Caption images.')
    parser.add_argument('input', help=SOURCES)
    parser.add_argument(
        '--out', required=True, type=new_file, metavar='NAME.json', help='the caption file'
    )
    _add_model_arguments(parser.add_argument_group('model'))
    _add_input_arguments(parser.add_argument_group('images and keys'))
    _add_run_arguments(parser.add_argument_group('run'))
    return parser


def _add_model_arguments(group) -> None:
    group.add_argument(
        '--model',
        default='Salesforce/blip2-opt-2.7b',
        help='hub id or folder of an image-to-text model (default: %(default)s)',
    )
    group.add_argument('--revision', help='branch, tag or commit of a hub id')
    group.add_argument(
        '--prompt', help='text that the model reads with each image, if it takes one'
    )
    group.add_argument(
        '--min-new-tokens',
        type=non_negative,
        default=0,
        help='the paper has 0, 20 and 40 (default: 0)',
    )
    group.add_argument('--max-new-tokens', type=positive, default=77, help='default: 77')
    group.add_argument(
        '--num-beams',
        type=positive,
        default=1,
        help='1 is greedy search (default), more is beam search',
    )
    group.add_argument(
        '--dtype',
        choices=('auto', 'fp16', 'bf16', 'fp32', 'int8'),
        default='auto',
        help='auto (default) is fp16 on a GPU and fp32 elsewhere',
    )
    group.add_argument(
        '--device',
        type=device,
        help='where the model runs (default: a GPU per process if there is one)',
    )


def _add_input_arguments(group) -> None:
    group.add_argument(
        '--key',
        choices=('stem', 'filename', 'relpath'),
        default='relpath',
        help='how keys name images: by file name without extension (stem), by file name, or by '
        'path relative to --root (default)',
    )
    group.add_argument(
        '--root',
        metavar='FOLDER',
        help='folder from which relative paths start (default: the folder, the folder of the '
        "list, the part of a glob before the first wildcard, or a config's image folders)",
    )
    group.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=SPLITS,
        help='datasets of a config (default: all)',
    )
    group.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )
    group.add_argument(
        '--max-pixels',
        type=positive,
        default=100_000_000,
        help='larger images are skipped (default: %(default)s)',
    )


def _add_run_arguments(group) -> None:
    group.add_argument(
        '--batch-size',
        type=positive,
        default=64,
        help='first size to try; it is halved whenever memory runs out (default: %(default)s)',
    )
    group.add_argument(
        '--workers',
        type=non_negative,
        help='processes that decode images (default: number of spare cores, at most 8)',
    )
    group.add_argument(
        '--engine', choices=('local', 'ray'), default='local', help='default: local'
    )
    group.add_argument('--actors', type=positive, help='number of models, with --engine ray')
    group.add_argument(
        '--part',
        nargs=2,
        type=non_negative,
        metavar=('INDEX', 'COUNT'),
        help='caption only one of COUNT parts; tools/captions/merge.py joins their files',
    )
    group.add_argument('--overwrite', action='store_true', help='discard earlier results of --out')


def make_task(args: argparse.Namespace):
    """Return the task that the arguments describe."""
    from mmtadp.captioning import Decoding, Task
    from mmtadp.captioning.image_loading import default_workers

    dtype = args.dtype
    if dtype == 'auto':
        dtype = 'fp16' if _device(args, 0).startswith('cuda') else 'fp32'
    return Task(
        source=args.input,
        out=args.out,
        model=args.model,
        revision=args.revision,
        prompt=args.prompt,
        decoding=Decoding(args.min_new_tokens, args.max_new_tokens, args.num_beams),
        dtype=dtype,
        key=args.key,
        root=args.root,
        splits=tuple(args.splits),
        cfg_options=args.cfg_options,
        part=None if args.part is None else tuple(args.part),
        batch_size=args.batch_size,
        max_pixels=args.max_pixels,
        workers=default_workers() if args.workers is None else args.workers,
        overwrite=args.overwrite,
    )


def _device(args: argparse.Namespace, local_rank: int) -> str:
    if args.device is not None:
        return args.device
    import torch

    return f'cuda:{local_rank}' if torch.cuda.is_available() else 'cpu'


def make_engine(args: argparse.Namespace, processes):
    """Return the engine that the arguments describe."""
    from mmtadp.captioning import LocalEngine, RayEngine
    from mmtadp.utils.errors import RunError

    if args.engine == 'local':
        return LocalEngine(_device(args, processes.local_rank), processes)
    if processes.count > 1:
        raise RunError('--engine ray starts its own processes: run it without torchrun.')
    return RayEngine(args.actors)


def report(task, engine, summary) -> None:
    """Print the counts, the rate, and how to use the file in a config."""
    from mmtadp.captions import ResultFiles, read_caption_file
    from mmtadp.captions.keys import auto_suffices

    print(f'{task.out}: {summary.captions:,} captions, {summary.new:,} images done in this run')
    if summary.skipped:
        print(f'{summary.skipped:,} skipped images: see {ResultFiles(task.out).skipped}')
    if engine.seconds:
        print(
            f'{engine.seconds:.1f} s, {summary.new / engine.seconds:.2f} images/s, '
            f'{engine.model_share:.0%} of the time in the model, batches of up to '
            f'{engine.batch_size}'
        )
    key = f', key={task.key!r}'
    if auto_suffices(read_caption_file(task.out), task.key, task.out):
        key = ''
    print(f"In a config: dict(type='mmtadp.CaptionLoadTransform', ann_file={task.out!r}{key})")


def _terminate(*_) -> None:
    # The signal may have reached the whole process group; the end of the workers is then not an
    # error.
    if hasattr(signal, 'SIGCHLD'):  # Not on Windows.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raise SystemExit(TERMINATED)


def main() -> int:
    """Caption the images and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.captioning import Processes, run_task
    from mmtadp.utils.errors import exit_code, same_command

    signal.signal(signal.SIGTERM, _terminate)
    processes = Processes.from_environment()

    def caption() -> int:
        task = make_task(args)
        engine = make_engine(args, processes)
        try:
            summary = run_task(task, engine, processes)
        except KeyboardInterrupt:
            if processes.is_main:
                raise
            return INTERRUPTED
        if summary is not None:
            report(task, engine, summary)
        return 0

    return exit_code(caption, same_command(args.overwrite))


if __name__ == '__main__':
    sys.exit(main())
