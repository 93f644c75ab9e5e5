"""Makes a caption file from another one, or from a dataset's ground truth.

    python tools/captions/derive.py nouns captions.json --out nouns.json
    python tools/captions/derive.py oracle my_config.py --out oracle.json --recall 0.75
    python tools/captions/derive.py class-names my_config.py --out class_names.json

Beside NAME.json it writes NAME.provenance.json. The same arguments give the same file.

Exit codes: 0 done, 2 files or arguments that do not go together; the message says what to do.
"""

import argparse
import sys

from mmengine.config import Config, DictAction

from mmtadp.captions import TaggerDataError, find_nouns
from mmtadp.captions.derive import Derived, derive_file, write_derived
from mmtadp.captions.keys_of_images import POLICIES, assign_keys
from mmtadp.captions.oracle import class_names_caption, oracle_captions
from mmtadp.captions.spellings import read_names, respell
from mmtadp.datasets.class_names import dataset_class_names
from mmtadp.datasets.transforms import OracleCaptionTransform
from mmtadp.utils.image_sources import SOURCES, find_images
from mmtadp.utils.resumable import RunError

SPLITS = ('train', 'val', 'test')


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Make captions from captions or ground truth.')
    ways = parser.add_subparsers(dest='way', required=True)
    way = _add(ways, 'nouns', "keep each caption's nouns, once and in order (TADP(NO))")
    way = _add(ways, 'oracle', "name the classes of each image's ground truth", 'config')
    _add_names(way)
    _add_images(way)
    way.add_argument('--precision', type=float, default=1.0, help='of the names given')
    way.add_argument('--recall', type=float, default=1.0, help='of the classes present')
    way.add_argument('--always-named', nargs='+', default=[], metavar='NAME')
    way.add_argument('--ignore-index', type=int, default=255, help='default: 255')
    _add_seed(way)
    way = _add(ways, 'class-names', 'name all classes, for every image', 'images')
    _add_names(way)
    _add_images(way)
    return parser


def _add(ways, name: str, text: str, source: str = 'captions') -> argparse.ArgumentParser:
    way = ways.add_parser(name, help=text, description=f'{text[0].upper()}{text[1:]}.')
    sources = {
        'captions': 'caption file of any schema',
        'config': 'mmseg or mmdet config',
        'images': SOURCES,
    }
    way.add_argument(source, help=sources[source])
    way.add_argument('--out', required=True, metavar='NAME.json', help='the caption file')
    way.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    return way


def _add_names(way: argparse.ArgumentParser) -> None:
    way.add_argument(
        '--class-names',
        nargs='+',
        metavar='NAME',
        help='in the order of labels, or a file of them: a config with class_names, a JSON list, '
        "or one a line (default: the dataset's own)",
    )
    way.add_argument(
        '--spelling',
        nargs=2,
        action='append',
        default=[],
        metavar=('NAME', 'TEXT'),
        help='what captions call a class, such as aeroplane airplane; may be repeated',
    )


def _add_images(way: argparse.ArgumentParser) -> None:
    way.add_argument('--key', choices=POLICIES, default='relpath', help='default: relpath')
    way.add_argument('--root', metavar='FOLDER', help='where relative keys start')
    way.add_argument('--splits', nargs='+', choices=SPLITS, default=SPLITS, help='of a config')
    way.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )


def _add_seed(way: argparse.ArgumentParser) -> None:
    way.add_argument('--seed', type=int, default=0, help='makes other choices (default: 0)')


def nouns(args: argparse.Namespace) -> Derived:
    """Keep the nouns of each caption."""
    return derive_file(
        args.captions,
        args.out,
        dict(derived='nouns'),
        lambda caption: ' '.join(find_nouns(caption)),
        args.overwrite,
    )


def _read_config(path: str, options: dict | None) -> Config:
    config = Config.fromfile(path)
    if options:
        config.merge_from_dict(options)
    return config


def _class_names(args: argparse.Namespace, config: Config | None) -> list[str]:
    if args.class_names is not None:
        names = read_names(args.class_names)
    elif config is not None:
        names = dataset_class_names(config)
    else:
        raise RunError(f'{args.images} names no classes: give them with --class-names.')
    return respell(names, args.spelling)


def from_dataset(args: argparse.Namespace) -> Derived:
    """Write captions for the images of a dataset."""
    if args.way == 'oracle':
        config = _read_config(args.config, args.cfg_options)
        settings = dict(
            class_names=_class_names(args, config),
            precision=args.precision,
            recall=args.recall,
            seed=args.seed,
            always_named=args.always_named,
            ignore_index=args.ignore_index,
        )
        captions = oracle_captions(
            config,
            args.config,
            OracleCaptionTransform(**settings),
            args.key,
            args.splits,
            args.root,
        )
        source = args.config
    else:
        is_config = args.images.endswith('.py')
        config = _read_config(args.images, args.cfg_options) if is_config else None
        settings = dict(class_names=_class_names(args, config))
        caption = class_names_caption(settings['class_names'])
        images = find_images(args.images, args.root, args.splits, args.cfg_options)
        captions = dict.fromkeys(assign_keys(images, args.key), caption)
        source = args.images
    settings = dict(
        derived=args.way,
        source=source,
        key=args.key,
        splits=list(args.splits),
        cfg_options=args.cfg_options,
        **settings,
    )
    return write_derived(captions, args.out, settings, args.overwrite)


def main() -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args()
    try:
        result = nouns(args) if args.way == 'nouns' else from_dataset(args)
    except (ValueError, TaggerDataError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'{args.out}: {result.images:,} images, {result.changed:,} captions changed or made')
    if result.empty:
        print(
            f'{len(result.empty):,} have an empty caption, such as {result.empty[0]}: '
            "CaptionLoadTransform takes them with missing='null'"
        )
    return 0


if __name__ == '__main__':
    sys.exit(main())
