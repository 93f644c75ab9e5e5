"""Compute the embeddings of class names for a prompt.

    python tools/misc/class_embeddings.py configs/tadp/vpd_ls_ade20k_80k.py
    python tools/misc/class_embeddings.py my_dataset.py --out data/my_classes.safetensors
    python tools/misc/class_embeddings.py --class-names cat 'potted plant' \\
        --kind class_embeddings --pretrained DIR --out data/pets.safetensors

Names come from the prompt of a config, or else from its dataset; or from the command line, or a
file with one per line. `--kind average_eos`, the default, is the mean over 80 templates of each
name's end-of-text embedding (VPD, the paper's Sec. 3); `class_embeddings` are the names' own
tokens (Eq. 2).

Without --out, average EOS embeddings go to the cache where a training run looks for them
(`$MMTADP_CACHE`, by default ~/.cache/mmtadp): doing so in advance saves each process of a
distributed run the wait. A config reads a file of --out by `prompt=dict(embeddings=FILE)`; its
metadata records how it was made.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import DictAction, Parser, device, positive  # noqa: E402

# The library is imported after the arguments are parsed: --help must not wait for torch.
AVERAGE_EOS, CLASS_EMBEDDINGS = 'average_eos', 'class_embeddings'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Embeddings of class names')
    parser.add_argument(
        'config', nargs='?', help='config; names come from its prompt, or else from its dataset'
    )
    parser.add_argument('--class-names', nargs='+', metavar='NAME', help='instead of a config')
    parser.add_argument(
        '--class-file',
        type=Path,
        metavar='FILE',
        help='instead of a config: a text file, a name per line',
    )
    parser.add_argument(
        '--kind',
        choices=(AVERAGE_EOS, CLASS_EMBEDDINGS),
        help="kind of embeddings (default: the kind of the config's prompt, or average_eos)",
    )
    parser.add_argument(
        '--pretrained',
        help='text encoder: hub id, diffusers folder, folder of a CLIP text model, or single file '
        "(default: the config's, or Stable Diffusion 1.5)",
    )
    parser.add_argument('--architecture', help='of a single file; see TADPUNetBackbone')
    parser.add_argument('--out', type=Path, metavar='FILE', help='.safetensors file to write')
    parser.add_argument('--overwrite', action='store_true', help='replace --out')
    parser.add_argument(
        '--templates',
        type=Path,
        metavar='FILE',
        help="replace CLIP's 80 templates: a text file, one per line with {} for the name",
    )
    parser.add_argument(
        '--keep-first-bos',
        action='store_true',
        help="with class_embeddings: keep the first name's start-of-text token, as the published "
        'code does',
    )
    parser.add_argument(
        '--batch-size',
        type=positive,
        default=80,
        help='texts encoded at a time (default: %(default)s)',
    )
    parser.add_argument(
        '--device', type=device, default='cpu', help='device to run on (default: %(default)s)'
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config overrides')
    return parser


def gather(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Return class names, and the text encoder, the kind and the treatment of the first token.

    Raises:
        RunError: If names are given twice or not at all, or are not valid.
    """
    from mmtadp.models.diffusion.loading import DEFAULT_HUB_ID
    from mmtadp.models.prompts.base import check_class_names
    from mmtadp.utils.config_datasets import dataset_class_names
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.text_files import read_lines

    given = [args.config, args.class_names, args.class_file]
    if sum(item is not None for item in given) != 1:
        raise RunError('give either a config, --class-names or --class-file')
    found: dict[str, Any] = dict(kind=AVERAGE_EOS, pretrained=DEFAULT_HUB_ID)
    if args.class_names is not None:
        names = args.class_names
    elif args.class_file is not None:
        names = read_lines(args.class_file)
    else:
        config = read_config(args.config, args.cfg_options)
        backbone = config.get('model', {}).get('backbone', {})
        prompt = backbone.get('prompt', {})
        names = prompt.get('class_names') or dataset_class_names(config)
        if prompt.get('type') == 'ClassEmbeddingsPrompt':
            found.update(kind=CLASS_EMBEDDINGS)
        if str(backbone.get('type', '')).endswith('TADPUNetBackbone'):
            found.update({k: backbone[k] for k in ('pretrained', 'architecture') if k in backbone})
        found['keep_first_bos'] = prompt.get('keep_first_bos', False)
    asked = dict(kind=args.kind, pretrained=args.pretrained, architecture=args.architecture)
    found.update({key: value for key, value in asked.items() if value is not None})
    found['keep_first_bos'] = args.keep_first_bos or found.get('keep_first_bos', False)
    return check_class_names(names), found


def read_templates(args: argparse.Namespace) -> list[str]:
    """Return the templates.

    Raises:
        RunError: If one does not hold ``{}`` once.
    """
    from mmtadp.models.prompts.average_eos_cache import templates
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.text_files import read_lines

    sentences = templates() if args.templates is None else read_lines(args.templates)
    bad = [sentence for sentence in sentences if sentence.count('{}') != 1]
    if bad or not sentences:
        raise RunError(
            f'{args.templates}: each template has one {{}} for the name, as in '
            f'{templates()[0]!r}; got {bad[:1] or "none"}'
        )
    return sentences


def compute(encoder, names: list[str], found: dict[str, Any], args: argparse.Namespace) -> tuple:
    """Return embeddings (T, D), and how they were made."""
    from mmtadp.models.prompts.average_eos_cache import MAX_LENGTH, average_eos
    from mmtadp.models.prompts.class_embeddings import class_embeddings, name_spans

    provenance = dict(text_encoder=str(found['pretrained']))
    if found['kind'] == AVERAGE_EOS:
        sentences = read_templates(args)
        provenance.update(templates=json.dumps(sentences), max_length=str(MAX_LENGTH))
        return average_eos(encoder, names, sentences, args.batch_size), provenance
    keep = found['keep_first_bos']
    counts = [last - first for first, last in name_spans(encoder, names, keep)]
    provenance.update(keep_first_bos=json.dumps(keep), tokens_per_name=json.dumps(counts))
    return class_embeddings(encoder, names, keep, args.batch_size), provenance


def run(args: argparse.Namespace) -> str:
    """Compute and write embeddings; return a line for the user."""
    from mmtadp.models.diffusion import TextEncoder, load_text_encoder
    from mmtadp.models.prompts.average_eos_cache import cached_average_eos, cached_file
    from mmtadp.models.prompts.embedding_files import save_embeddings
    from mmtadp.utils.errors import RunError

    names, found = gather(args)
    if args.out is None and (found['kind'] != AVERAGE_EOS or args.templates is not None):
        raise RunError(
            'only average EOS embeddings of the default templates are cached: set --out'
        )
    if args.out is not None and args.out.suffix != '.safetensors':
        raise RunError(f'--out {args.out} should be a .safetensors file')
    if args.out is not None and args.out.exists() and not args.overwrite:
        raise RunError(f'{args.out} exists: give another name, or --overwrite to replace it')
    model, tokenizer = load_text_encoder(found['pretrained'], found.get('architecture'))
    encoder = TextEncoder(model.to(args.device), tokenizer, cache_size=0)
    if args.out is None:
        embeddings, path = cached_average_eos(encoder, names), cached_file(encoder, names)
        if not path.is_file():
            raise RunError(f'{path} cannot be written: set $MMTADP_CACHE to a folder, or --out')
    else:
        embeddings, provenance = compute(encoder, names, found, args)
        save_embeddings(args.out, embeddings, found['kind'], names, provenance)
        path = args.out
    return f'{found["kind"]} of {len(names)} classes: {tuple(embeddings.shape)} in {path}'


def main() -> int:
    """Compute as the command line asks; return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: print('\n' + run(args)))


if __name__ == '__main__':
    sys.exit(main())
