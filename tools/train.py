"""Trains a model of mmsegmentation or mmdetection that has mmtadp in its config.

python tools/train.py configs/tadp/tadp40_ade20k_80k.py
"""

import argparse
import sys

from mmtadp.datasets.caption_options import add_caption_arguments, set_captions
from mmtadp.utils import launch as runs

# Imported before a config is read, so that `mmtadp::` and `mmseg::` bases resolve.
from mmtadp.utils.compat import safe_checkpoint_loading


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Train a model.')
    runs.add_common_arguments(parser)
    add_caption_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from the last checkpoint in the work directory, or from the one named; '
        'give it behind the config',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='train into a work directory that holds checkpoints already',
    )
    parser.add_argument('--amp', action='store_true', help='use automatic mixed precision')
    return parser


def main() -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args()
    cfg = runs.load_config(args)
    try:
        set_captions(cfg, args.captions, args.template)
        if args.amp:
            runs.use_amp(cfg)
        if args.resume:
            runs.set_resume(cfg, args.resume)
        else:
            cfg.resume = False
            runs.protect_results(cfg, args.overwrite)
    except runs.UsageError as error:
        parser.error(str(error))
    try:
        with safe_checkpoint_loading():
            runs.build_runner(cfg, skip_pretrained=bool(args.resume)).train()
    except KeyboardInterrupt:
        runs.say_how_to_resume(cfg.work_dir)
        sys.exit(130)


if __name__ == '__main__':
    main()
