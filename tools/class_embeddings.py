"""Computes the average EOS embeddings of class names (VPD's prompt) and caches them.

    python tools/class_embeddings.py configs/tadp/vpd_ls_ade20k_80k.py
    python tools/class_embeddings.py --class-names cat dog 'potted plant' --pretrained DIR

A training run does the same when it starts; doing it before saves each process of a distributed
run the wait. The cache is in `$MMTADP_CACHE`, by default ~/.cache/mmtadp.
"""

import argparse

from mmengine.config import Config, DictAction

import mmtadp  # noqa: F401  (so that `mmtadp::` resolves)
from mmtadp.models import AverageEOSPrompt, CategoryEOSPrompt
from mmtadp.models.diffusion import TextEncoder, load_diffusion_model
from mmtadp.models.prompts.average_eos_cache import cached_average_eos, cached_file
from mmtadp.registry import PROMPTS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Average EOS embeddings of class names')
    parser.add_argument(
        'config', nargs='?', help='config with an AverageEOSPrompt or CategoryEOSPrompt'
    )
    parser.add_argument('--class-names', nargs='+', metavar='NAME', help='instead of a config')
    parser.add_argument(
        '--pretrained',
        default='stable-diffusion-v1-5/stable-diffusion-v1-5',
        help='with --class-names: hub id, diffusers folder or single file (default: %(default)s)',
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config overrides')
    args = parser.parse_args()
    if (args.config is None) == (args.class_names is None):
        parser.error('give either a config or --class-names')
    return args


def main() -> None:
    args = parse_args()
    if args.config is None:
        class_names, source = args.class_names, dict(pretrained=args.pretrained)
    else:
        config = Config.fromfile(args.config)
        if args.cfg_options:
            config.merge_from_dict(args.cfg_options)
        backbone = config.model.backbone
        prompt = PROMPTS.get(backbone.prompt.type)
        if prompt not in (AverageEOSPrompt, CategoryEOSPrompt):
            raise SystemExit(
                f'{args.config} has the prompt {backbone.prompt.type}, which averages no EOS '
                'embeddings: use a config of AverageEOSPrompt or CategoryEOSPrompt, such as '
                'configs/tadp/vpd_ls_ade20k_80k.py.'
            )
        class_names = backbone.prompt.class_names
        source = {key: backbone[key] for key in ('pretrained', 'architecture') if key in backbone}
    model = load_diffusion_model(**source)
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    embeddings = cached_average_eos(encoder, class_names)
    print(f'\n{tuple(embeddings.shape)} in {cached_file(encoder, class_names)}')


if __name__ == '__main__':
    main()
