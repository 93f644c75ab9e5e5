"""Prepare the data of the ShapeScenes configs: scenes, captions and TinySD.

    python projects/shapescenes/tools/prepare.py data/shapescenes --domains day night \\
        --captions long clean
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# To import `projects`; an installed mmtadp comes first. `tools` holds what all tools share.
sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools'))

from _arguments import Parser, new_folder, non_negative, positive, seed

DOMAINS = ('day', 'night', 'watercolor', 'comic')
CAPTIONS = ('long', 'short', 'nouns', 'clean')


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(
        description='Write ShapeScenes, its captions by the captioner, and TinySD, a small '
        'pretrained diffusion model. Complete parts are kept, and after an interruption the same '
        'command continues.'
    )
    parser.add_argument(
        'root',
        nargs='?',
        type=new_folder,
        default='data/shapescenes',
        help='folder to write to',
    )
    parser.add_argument(
        '--domains',
        nargs='+',
        choices=DOMAINS,
        default=['day'],
        help='some of day, night, watercolor and comic (default: day)',
    )
    parser.add_argument('--training', type=positive, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=positive, default=300, help='scenes to evaluate on')
    parser.add_argument('--size', type=positive, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=seed, default=0, help='seed of the scenes')
    parser.add_argument(
        '--workers', type=non_negative, default=0, help='processes; 0 uses this one'
    )
    parser.add_argument(
        '--captions',
        nargs='*',
        choices=CAPTIONS,
        default=['long'],
        help='caption files: some of long, short, nouns and clean (default: long)',
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Write what the command line asks for.

    Raises:
        RunError: If an argument is out of range, or a caption file of another captioner exists.
        FileExistsError: If the folder holds other data.
    """
    from projects.shapescenes.tinysd.preparation import SHIPPED, prepare

    prepare(
        args.root,
        domains=args.domains,
        num_training=args.training,
        num_validation=args.validation,
        size=args.size,
        seed=args.seed,
        workers=args.workers,
        captions=args.captions,
    )
    root = Path(args.root)
    print(f'ShapeScenes: {", ".join(str(root / domain) for domain in args.domains)}')
    for name in SHIPPED:
        print(f'{name}: {root / name}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    args = make_parser().parse_args(arguments)
    # This import takes seconds, which --help does without.
    from mmtadp.utils.errors import exit_code, same_command

    return exit_code(lambda: run(args), same_command())


if __name__ == '__main__':
    sys.exit(main())
