"""Train a model of mmsegmentation or mmdetection whose config uses mmtadp.

python tools/train.py configs/tadp/tadp40_ade20k_80k.py
python tools/train.py configs/tadp/tadp40_ade20k_80k.py --captions data/my_captions.json
"""

import argparse
import sys

from _arguments import Parser, add_common_arguments


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Train a model.')
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from the last checkpoint in the work directory, or from the given one; '
        'put this option after the config',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='train into a work directory that already holds checkpoints',
    )
    parser.add_argument('--amp', action='store_true', help='use automatic mixed precision')
    return parser


def train(args: argparse.Namespace) -> int:
    """Train as the command line asks, and return the exit code.

    Raises:
        RunError: If arguments, config and files are inconsistent.
    """
    # Here, since these imports take seconds; importing mmtadp registers `mmtadp::` and `mmseg::`
    # bases.
    from mmtadp.datasets.caption_options import set_captions
    from mmtadp.utils import launch
    from mmtadp.utils.errors import RunError

    cfg = launch.load_config(args)
    set_captions(cfg, args.captions, args.template)
    if args.amp:
        launch.use_amp(cfg)
    resume = args.resume or launch.resume_of(cfg)
    asked_by = '--resume' if args.resume else 'resume=True in the config'
    if resume and args.overwrite:
        raise RunError(f'--overwrite starts again, and {asked_by} continues: leave one out.')
    if resume:
        launch.set_resume(cfg, resume, asked_by)
    else:
        launch.protect_results(cfg, args.overwrite)
    try:
        launch.train(cfg, skip_pretrained=bool(resume))
    except KeyboardInterrupt:
        launch.say_how_to_resume(cfg.work_dir)
        return 130
    return 0


def main() -> int:
    """Train, and return the exit code."""
    args = make_parser().parse_args()
    # Not above: wrong arguments must not wait for the imports of mmtadp.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: train(args))


if __name__ == '__main__':
    sys.exit(main())
