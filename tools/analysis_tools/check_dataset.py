"""Look at every image, mask, depth map, box and caption of a config before a training.

    python tools/analysis_tools/check_dataset.py my_streets.py
    python tools/analysis_tools/check_dataset.py my_streets.py --splits train --workers 8

It prints the sizes and modes of the images, the classes with their share of pixels or their
number of boxes, and what cannot be right (STOP) or may be wrong (warning): files that cannot be
read, masks of another size than their image, EXIF orientations, labels outside the classes, and
so on. A picture shows ten images and their ground truth.

Exit codes: 0 no problems (notes are not problems), 1 problems, 2 user error, such as a config that
does not exist.
"""

import argparse
import os
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import DictAction, Parser, new_file, non_negative, positive  # noqa: E402

# The library is imported after the arguments are parsed: --help and wrong arguments must not wait
# for torch.
SPLITS = ('train', 'val', 'test')
# fmt: off
KINDS = (
    'empty', 'config', 'missing', 'unreadable', 'size', 'orientation', 'channels', 'bits',
    'labels', 'binary', 'lossy', 'ignored', 'absent', 'depth', 'scale', 'boxes', 'overhang',
    'classes', 'foreign', 'entries', 'captions', 'unused',
)
# fmt: on


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Look at every image, mask, depth map, box and caption of a config.'
    )
    parser.add_argument('config', help='config file of mmseg or mmdet')
    parser.add_argument(
        '--splits', nargs='+', choices=SPLITS, default=SPLITS, help='datasets (default: all)'
    )
    parser.add_argument(
        '--workers',
        type=positive,
        default=min(8, os.cpu_count() or 1),
        help='number of threads (default: one per core, at most 8)',
    )
    parser.add_argument(
        '--out',
        type=_picture,
        metavar='FILE.png',
        help='the picture (default: NAME_dataset.png in the working directory, after the config)',
    )
    parser.add_argument(
        '--draw',
        type=non_negative,
        default=10,
        help='number of images in the picture; 0 draws none (default: 10)',
    )
    parser.add_argument(
        '--allow',
        nargs='+',
        choices=KINDS,
        default=[],
        metavar='KIND',
        help='problems that do not change the exit code, by the word in brackets: '
        f'{", ".join(KINDS)}',
    )
    parser.add_argument(
        '--examples',
        type=positive,
        default=5,
        help='number of cases to print per kind (default: 5)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override the config'
    )
    return parser


def _picture(text: str) -> Path:
    """Return the name of a picture to write."""
    if not text.lower().endswith(('.png', '.jpg', '.jpeg')):
        raise argparse.ArgumentTypeError(f'expected a .png or .jpg file, got {text!r}')
    return Path(new_file(text))


def check(args: argparse.Namespace) -> int:
    """Check the config's datasets and return the exit code.

    Raises:
        RunError: If an argument or the config is wrong.
    """
    from mmengine.logging import MMLogger

    import mmtadp  # noqa: F401
    from mmtadp.datasets.checks import NOTE, check_config, ignored_label
    from mmtadp.datasets.checks.drawing import draw_overlays
    from mmtadp.datasets.checks.text import report_lines
    from mmtadp.models.diffusion.tokenizer import count_clip_tokens
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.quiet import silence_harmless_warnings

    silence_harmless_warnings()
    MMLogger.get_current_instance().setLevel('ERROR')
    config = read_config(args.config, args.cfg_options)
    reports, parts = check_config(
        config, args.config, args.splits, args.workers, count_clip_tokens, _Progress()
    )
    print('\n'.join(report_lines(reports, args.examples)))
    if args.draw:
        ignore = {report.name: ignored_label(config, report.name) for report in reports}
        out = args.out or Path(f'{Path(args.config).stem}_dataset.png')
        count = draw_overlays(out, Path(args.config).name, reports, parts, ignore, args.draw)
        if count:
            print(f'{count} images with their ground truth: {out}')
    found = {f.kind for report in reports for f in report.findings if f.level != NOTE}
    problems = [kind for kind in KINDS if kind in found and kind not in args.allow]
    print(f'problems: {", ".join(problems)}' if problems else 'no problems')
    return 1 if problems else 0


class _Progress:
    """Count images on a terminal, every 100th."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> None:
        self._count += 1
        if self._count % 100 == 0 and sys.stderr.isatty():
            print(f'\r{self._count:,} images', end='\r', file=sys.stderr, flush=True)


def main() -> int:
    """Check, and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: check(args))


if __name__ == '__main__':
    sys.exit(main())
