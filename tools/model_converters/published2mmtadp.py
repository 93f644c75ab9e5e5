"""Convert a checkpoint of the published TADP or VPD code.

    python tools/model_converters/published2mmtadp.py tadp_seg_blipmin40.ckpt \\
        configs/tadp/tadp40_ade20k_80k.py checkpoints/tadp40_ade20k.pth
    python tools/test.py checkpoints/tadp40_ade20k.py checkpoints/tadp40_ade20k.pth

The config is this project's config of the same run. Next to the checkpoint, a config is written
that inherits from it and sets what the published run did differently, such as its normalisation of
images. Every tensor of the file is listed as taken or as dropped.
"""

import argparse
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import DictAction, Parser  # noqa: E402

# The library is imported after the arguments are parsed: --help must not wait for torch.
# Keys of mmtadp.converters.published.NORMALISATIONS.
NORMALISATIONS = ('half', 'imagenet')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Convert a checkpoint of the published TADP or VPD code.')
    parser.add_argument('source', type=Path, help='.ckpt, .pth or .pt file')
    parser.add_argument('config', type=Path, help='config of this project for the same run')
    parser.add_argument('target', type=Path, help='.pth file to write; its config is next to it')
    parser.add_argument(
        '--latent-scaling',
        action=argparse.BooleanOptionalAction,
        help='whether the run scaled latents (--use_scaled_encode in the published code); '
        'default: as in the file, or else as in the published command',
    )
    parser.add_argument(
        '--normalisation',
        choices=NORMALISATIONS,
        help="how the run normalised images: half, to [-1, 1], or imagenet, by ImageNet's mean "
        'and deviation; default: as in the file, or else as published',
    )
    parser.add_argument(
        '--learned-token',
        nargs='+',
        default=[],
        metavar='NAME',
        help="names of the tokens that textual inversion added, as in captions, such as '<night>'",
    )
    parser.add_argument('--backbone-only', action='store_true', help='leave out the heads')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='read a file that holds more than tensors, which executes the code in it',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace existing files')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config overrides')
    return parser


def convert(args: argparse.Namespace) -> None:
    """Convert, write, and print the destination of each tensor."""
    from mmtadp.converters import check_free, read_checkpoint
    from mmtadp.converters.published import extract_learned_tokens

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


def convert_file(file, tokens: list[Path], args: argparse.Namespace) -> None:
    """Convert a checkpoint that was read and whose learned tokens are written.

    Args:
        file (WeightsFile): The checkpoint.
        tokens (list[Path]): Files of its learned tokens.
        args (Namespace): The command line.
    """
    from mmtadp.converters.published import convert_published, write_conversion
    from mmtadp.utils.config_files import read_config

    options = dict(args.cfg_options or {})
    if tokens:
        options['model.backbone.prompt.learned_embeds'] = [str(path) for path in tokens]
    config = read_config(str(args.config), options)
    conversion = convert_published(
        file, config, args.latent_scaling, args.normalisation, args.backbone_only
    )
    base = Path(config.filename)
    written = write_conversion(conversion, base, args.target, options, args.overwrite)
    print(f'{args.source}: {conversion.layout.name}')
    print('\n'.join([*conversion.report.lines(), *conversion.settings.lines()]))
    print(f'written to {args.target} and {written}')


def main() -> int:
    """Convert as the command line asks; return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: convert(args))


if __name__ == '__main__':
    sys.exit(main())
