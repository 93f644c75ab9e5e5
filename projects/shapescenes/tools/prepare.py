"""Writes what the configs on ShapeScenes look for under data/: scenes, captions and TinySD.

python projects/shapescenes/tools/prepare.py data/shapescenes --domains day night
"""

import argparse
import sys
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from mmtadp.captions import TaggerDataError
from projects.shapescenes.generator import DOMAINS
from projects.shapescenes.tinysd.preparation import CAPTIONS, SHIPPED, prepare


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes, captions that a model makes of them, and TinySD, a small '
        'pretrained diffusion model. An interrupted call is continued by the same call; what is '
        'complete is left alone.'
    )
    parser.add_argument('root', nargs='?', default='data/shapescenes', help='folder to write to')
    parser.add_argument('--domains', nargs='+', default=['day'], choices=sorted(DOMAINS))
    parser.add_argument('--training', type=int, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=int, default=300, help='scenes to evaluate on')
    parser.add_argument('--size', type=int, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    parser.add_argument('--workers', type=int, default=0, help='processes; 0: this one')
    parser.add_argument(
        '--captions',
        nargs='*',
        default=['long'],
        choices=CAPTIONS,
        help='caption files to make, from the images alone (default: long)',
    )
    return parser


def main() -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args()
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
