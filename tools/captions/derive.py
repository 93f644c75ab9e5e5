"""Make a caption file from another one, or from a dataset's ground truth.

    python tools/captions/derive.py nouns captions.json --out nouns.json
    python tools/captions/derive.py oracle my_config.py --out oracle.json --recall 0.75
    python tools/captions/derive.py class-names my_config.py --out class_names.json

Next to NAME.json it writes NAME.provenance.json. The same arguments give the same file.

Exit codes: 0 done, 1 unexpected error, 2 user error (the message describes how to fix it).
"""

import argparse
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import DictAction, Parser, new_file, number, seed, whole_number  # noqa: E402

# The library is imported after the arguments are parsed: --help and wrong arguments must not wait
# for torch.
SOURCES = (
    'a folder (searched with its subfolders), an image, a text file with one image per line, a '
    "quoted glob such as 'data/*/images/*.jpg', or an mmseg or mmdet config"
)
SPLITS = ('train', 'val', 'test')


share = number(0, 1, above=True)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Make captions from captions or ground truth.')
    kinds = parser.add_subparsers(dest='kind', required=True)
    kind = _add(kinds, 'nouns', "keep each caption's nouns, once and in order (TADP(NO))")
    kind.add_argument('captions', help='caption file of any schema')
    kind = _add(kinds, 'oracle', "name the classes of each image's ground truth")
    kind.add_argument('config', help='mmseg or mmdet config')
    _add_dataset_arguments(kind)
    kind.add_argument(
        '--precision', type=share, default=1.0, help='share of correct names (default: 1)'
    )
    kind.add_argument(
        '--recall', type=share, default=1.0, help='share of classes that are named (default: 1)'
    )
    kind.add_argument(
        '--always-named',
        nargs='+',
        default=[],
        metavar='NAME',
        help='classes that are named wherever they are present',
    )
    kind.add_argument(
        '--ignore-index',
        type=whole_number(0, 255),
        default=255,
        help='value of unlabelled pixels (default: 255)',
    )
    kind.add_argument('--seed', type=seed, default=0, help='seed of the choices (default: 0)')
    kind = _add(kinds, 'class-names', 'name all classes, for every image')
    kind.add_argument('images', help=SOURCES)
    _add_dataset_arguments(kind)
    return parser


def _add(kinds, name: str, text: str) -> argparse.ArgumentParser:
    kind = kinds.add_parser(name, help=text, description=f'{text[0].upper()}{text[1:]}.')
    kind.add_argument(
        '--out', required=True, type=new_file, metavar='NAME.json', help='the file to write'
    )
    kind.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    return kind


def _add_dataset_arguments(kind: argparse.ArgumentParser) -> None:
    kind.add_argument(
        '--class-names',
        nargs='+',
        metavar='NAME',
        help='names in the order of labels, or a file of them: a config with class_names, a JSON '
        "list, or one name a line (default: the dataset's own)",
    )
    kind.add_argument(
        '--spelling',
        nargs=2,
        action='append',
        default=[],
        metavar=('NAME', 'TEXT'),
        help='how captions spell a class, such as aeroplane airplane; may be repeated',
    )
    kind.add_argument(
        '--key',
        choices=('stem', 'filename', 'relpath'),
        default='relpath',
        help='how keys name images (default: relpath)',
    )
    kind.add_argument('--root', metavar='FOLDER', help='folder from which relative keys start')
    kind.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=SPLITS,
        help='datasets of a config (default: all)',
    )
    kind.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )


def keep_nouns(args: argparse.Namespace):
    """Write the nouns of each caption."""
    from mmtadp.captions import derive_file, find_nouns

    return derive_file(
        args.captions,
        args.out,
        dict(derived='nouns'),
        lambda caption: ' '.join(find_nouns(caption)),
        args.overwrite,
    )


def name_classes(args: argparse.Namespace):
    """Write the names of the classes in the ground truth, or of all classes."""
    from mmtadp.captions import assign_keys, write_derived
    from mmtadp.captions.oracle import class_names_caption, oracle_captions
    from mmtadp.datasets import OracleCaptionTransform
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.image_sources import find_images

    source = args.config if args.kind == 'oracle' else args.images
    config = None
    if args.kind == 'oracle' or source.endswith('.py'):
        config = read_config(source, args.cfg_options)
    settings = dict(class_names=_class_names(args, source, config))
    if args.kind == 'oracle':
        settings |= dict(
            precision=args.precision,
            recall=args.recall,
            seed=args.seed,
            always_named=args.always_named,
            ignore_index=args.ignore_index,
        )
        oracle = OracleCaptionTransform(**settings)
        captions = oracle_captions(config, source, oracle, args.key, args.splits, args.root)
    else:
        images = find_images(source, args.root, args.splits, args.cfg_options)
        caption = class_names_caption(settings['class_names'])
        captions = dict.fromkeys(assign_keys(images, args.key), caption)
    provenance = dict(
        derived=args.kind,
        source=source,
        key=args.key,
        splits=list(args.splits),
        cfg_options=args.cfg_options,
        **settings,
    )
    return write_derived(captions, args.out, provenance, args.overwrite)


def _class_names(args: argparse.Namespace, source: str, config) -> list[str]:
    from mmtadp.captions.spellings import read_names, respell
    from mmtadp.utils.config_datasets import dataset_class_names
    from mmtadp.utils.errors import RunError

    if args.class_names is not None:
        names = read_names(args.class_names)
    elif config is not None:
        names = dataset_class_names(config)
    else:
        raise RunError(f'{source} does not name classes: give them with --class-names.')
    return respell(names, args.spelling)


def derive(args: argparse.Namespace) -> None:
    """Write the file and print the counts."""
    result = keep_nouns(args) if args.kind == 'nouns' else name_classes(args)
    print(f'{args.out}: {result.images:,} images, {result.changed:,} captions changed or made')
    if result.empty:
        print(
            f'{len(result.empty):,} images have an empty caption, such as {result.empty[0]}: '
            "set missing='null' in CaptionLoadTransform"
        )


def main() -> int:
    """Run the tool and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: derive(args))


if __name__ == '__main__':
    sys.exit(main())
