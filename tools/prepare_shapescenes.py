"""Writes ShapeScenes and the tiny diffusion pipeline, which configs look for under data/.

python tools/prepare_shapescenes.py data/shapescenes --domains day night
"""

import argparse
from pathlib import Path

from mmtadp.datasets.shapescenes import DOMAINS, write_dataset
from mmtadp.models.diffusion.tiny import build_tiny_pipeline


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes and the tiny diffusion pipeline. An interrupted call is '
        'continued by the same call; what is complete is left alone.'
    )
    parser.add_argument('root', nargs='?', default='data/shapescenes', help='folder to write to')
    parser.add_argument('--domains', nargs='+', default=['day'], choices=sorted(DOMAINS))
    parser.add_argument('--training', type=int, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=int, default=200, help='scenes to evaluate on')
    parser.add_argument('--size', type=int, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    parser.add_argument('--workers', type=int, default=0, help='processes; 0: this one')
    return parser


def main() -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args()
    try:
        write_dataset(
            args.root,
            domains=args.domains,
            num_training=args.training,
            num_validation=args.validation,
            size=args.size,
            seed=args.seed,
            workers=args.workers,
        )
        pipeline = build_tiny_pipeline(Path(args.root) / 'tiny_pipeline')
    except (FileExistsError, ValueError) as error:
        parser.error(str(error))
    folders = ', '.join(str(Path(args.root) / domain) for domain in args.domains)
    print(f'ShapeScenes: {folders}\nTiny diffusion pipeline: {pipeline}')


if __name__ == '__main__':
    main()
