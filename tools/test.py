"""Test a model of mmsegmentation or mmdetection whose config uses mmtadp.

python tools/test.py configs/tadp/tadp40_ade20k_80k.py work_dirs/.../iter_80000.pth --tta
"""

import argparse
import sys

from _arguments import Parser, add_common_arguments


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Test a model.')
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--tta', action='store_true', help='use test-time augmentation')
    parser.add_argument(
        '--show-dir',
        help='draw predictions into this folder; for mmdet it is inside the work directory',
    )
    parser.add_argument(
        '--out',
        help='save predictions: for mmseg a folder with one PNG per image, for mmdet a .pkl file',
    )
    return parser


def test(args: argparse.Namespace) -> None:
    """Test as the command line asks.

    Raises:
        RunError: If arguments, config and files are inconsistent.
    """
    # Here, since these imports take seconds; importing mmtadp registers `mmtadp::` and `mmseg::`
    # bases.
    from mmtadp.datasets.caption_options import set_captions
    from mmtadp.utils import launch, testing_options

    cfg = launch.load_config(args)
    set_captions(cfg, args.captions, args.template)
    launch.check_checkpoint(args.checkpoint)
    launch.check_work_dir(cfg.work_dir)
    if args.show_dir:
        testing_options.draw_to(cfg, args.show_dir)
    if args.tta:
        testing_options.use_tta(cfg)
    if args.out:
        testing_options.save_predictions_to(cfg, args.out)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    launch.test(cfg)


def main() -> int:
    """Test, and return the exit code."""
    args = make_parser().parse_args()
    # Not above: wrong arguments must not wait for the imports of mmtadp.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: test(args))


if __name__ == '__main__':
    sys.exit(main())
