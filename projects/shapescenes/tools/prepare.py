"""Prepare the data of the ShapeScenes configs: scenes, captions and TinySD.

    python projects/shapescenes/tools/prepare.py data/shapescenes --domains day night \\
        --captions long clean
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# To import `projects`; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes, its captions by the captioner, and TinySD, a small '
        'pretrained diffusion model. Complete parts are kept, and after an interruption the same '
        'command continues.'
    )
    parser.add_argument('root', nargs='?', default='data/shapescenes', help='folder to write to')
    parser.add_argument(
        '--domains',
        nargs='+',
        default=['day'],
        help='some of day, night, watercolor and comic (default: day)',
    )
    parser.add_argument('--training', type=int, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=int, default=300, help='scenes to evaluate on')
    parser.add_argument('--size', type=int, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='seed of the scenes')
    parser.add_argument('--workers', type=int, default=0, help='processes; 0 uses this one')
    parser.add_argument(
        '--captions',
        nargs='*',
        default=['long'],
        help='caption files: some of long, short, nouns and clean (default: long)',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    # These imports take seconds, which --help does without.
    from mmtadp.captions import TaggerDataError
    from projects.shapescenes.tinysd.preparation import SHIPPED, prepare

    try:
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
    except (FileExistsError, ValueError, TaggerDataError) as error:
        parser.error(str(error))
    root = Path(args.root)
    print(f'ShapeScenes: {", ".join(str(root / domain) for domain in args.domains)}')
    for name in SHIPPED:
        print(f'{name}: {root / name}')


if __name__ == '__main__':
    main()
