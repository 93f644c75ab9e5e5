"""Converts a checkpoint of the published TADP or VPD code.

    python tools/model_converters/published2mmtadp.py tadp_seg_blipmin40.ckpt \\
        configs/tadp/tadp40_ade20k_80k.py checkpoints/tadp40_ade20k.pth
    python tools/test.py checkpoints/tadp40_ade20k.py checkpoints/tadp40_ade20k.pth

The config is the one of this project for the run that the checkpoint is of. Beside the checkpoint
a config is written that inherits from it and says what the published run did otherwise, such as
its normalisation of images. Every tensor of the file is listed as taken or as dropped.
"""

import argparse
from pathlib import Path
from typing import List

from mmengine.config import Config, DictAction

import mmtadp  # noqa: F401  (so that `mmtadp::` resolves)
from mmtadp.converters import CheckpointFile, check_free, read_checkpoint
from mmtadp.converters.published import (
    NORMALISATIONS,
    convert_published,
    extract_learned_tokens,
    write_conversion,
)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Convert a checkpoint of the published TADP or VPD code.'
    )
    parser.add_argument('source', type=Path, help='.ckpt, .pth or .pt file')
    parser.add_argument('config', type=Path, help='config of this project for the same run')
    parser.add_argument('target', type=Path, help='.pth file to write; its config is beside it')
    parser.add_argument(
        '--latent-scaling',
        action=argparse.BooleanOptionalAction,
        help='whether the run scaled latents (--use_scaled_encode in the published code); by '
        'default what the file shows, or else what the published command does',
    )
    parser.add_argument(
        '--normalisation',
        choices=sorted(NORMALISATIONS),
        help="how the run normalised images: half, to [-1, 1], or imagenet, by ImageNet's mean "
        'and deviation; by default what the file says, or else as published',
    )
    parser.add_argument(
        '--learned-token',
        nargs='+',
        default=[],
        metavar='NAME',
        help="what captions call the tokens that textual inversion added, such as '<night>'",
    )
    parser.add_argument('--backbone-only', action='store_true', help='leave the heads behind')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='read a file that holds more than tensors, which executes what is in it',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config overrides')
    return parser


def convert(args: argparse.Namespace) -> None:
    """Converts, writes, and prints what became of each tensor."""
    for path in (args.target, args.target.with_suffix('.py')):
        check_free(path, args.overwrite)
    file = read_checkpoint(args.source, args.allow_pickle)
    tokens = []
    if args.learned_token:
        tokens = extract_learned_tokens(file, args.learned_token, args.target, args.overwrite)
    try:
        convert_file(file, tokens, args)
    except BaseException:
        for path in tokens:
            path.unlink()
        raise


def convert_file(file: CheckpointFile, tokens: List[Path], args: argparse.Namespace) -> None:
    """The same, once the file is read and its learned tokens are files."""
    options = dict(args.cfg_options or {})
    if tokens:
        options['model.backbone.prompt.learned_embeds'] = [str(path) for path in tokens]
    config = Config.fromfile(args.config)
    config.merge_from_dict(options)
    conversion = convert_published(
        file, config, args.latent_scaling, args.normalisation, args.backbone_only
    )
    written = write_conversion(conversion, args.config, args.target, options, args.overwrite)
    print(f'{args.source}: {conversion.layout.name}')
    print('\n'.join([*conversion.report.lines(), *conversion.settings.lines()]))
    print(f'written to {args.target} and {written}')


def main() -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args()
    try:
        convert(args)
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
