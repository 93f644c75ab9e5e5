"""Tests a model of mmsegmentation or mmdetection that has mmtadp in its config.

python tools/test.py configs/tadp/tadp40_ade20k_80k.py work_dirs/.../iter_80000.pth --tta
"""

import argparse

from mmtadp.datasets.caption_options import add_caption_arguments, set_captions
from mmtadp.utils import launch as runs

# Imported before a config is read, so that `mmtadp::` and `mmseg::` bases resolve.
from mmtadp.utils.compat import safe_checkpoint_loading


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Test a model.')
    runs.add_common_arguments(parser)
    add_caption_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--tta', action='store_true', help='use test-time augmentation')
    parser.add_argument(
        '--show-dir',
        help='draw predictions into this folder; for mmdet it is inside the work directory',
    )
    parser.add_argument(
        '--out',
        help='save predictions: for mmseg a folder, of one png per image, for mmdet a .pkl file',
    )
    return parser


def main() -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args()
    cfg = runs.load_config(args)
    try:
        set_captions(cfg, args.captions, args.template)
        runs.check_checkpoint(args.checkpoint)
        if args.show_dir:
            runs.draw_to(cfg, args.show_dir)
        if args.tta:
            runs.use_tta(cfg)
        if args.out:
            runs.save_predictions_to(cfg, args.out)
    except runs.UsageError as error:
        parser.error(str(error))
    cfg.load_from = args.checkpoint
    cfg.resume = False
    with safe_checkpoint_loading():
        runs.build_runner(cfg, skip_pretrained=True).test()


if __name__ == '__main__':
    main()
