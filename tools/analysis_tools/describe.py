"""Print the parts of a config's model: parameters, FLOPs, tokens, channels.

    python tools/analysis_tools/describe.py configs/tadp/tadp40_ade20k_80k.py
    python tools/analysis_tools/describe.py configs/tadp/tadp40_ade20k_80k.py --forward 512 512

Neither needs pretrained weights. The second runs one forward pass with random weights.
"""

import argparse
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from mmtadp.models import TADPUNetBackbone


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Print the parts of a config's model: parameters, FLOPs, tokens, channels."
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--forward',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help='run one forward pass of the backbone on one image of this size, with random weights',
    )
    parser.add_argument('--device', default='cpu', help='device of the forward pass')
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='settings that override the config'
    )
    return parser


def count_parameters(model: 'nn.Module') -> list[tuple[str, int, int]]:
    """Return the number of parameters of each part of a model, each counted once.

    Args:
        model (nn.Module): A segmentor or detector with a ``TADPUNetBackbone``.

    Returns:
        list[tuple[str, int, int]]: Name, number, and the number that is trained.
    """
    names = [name for name, _ in model.named_children()]
    parts = {name: getattr(model, name) for name in names if name != 'backbone'}
    backbone = model.backbone
    text_encoder = getattr(backbone.prompt, 'text_encoder', None)
    text_parameters = list(text_encoder.parameters()) if text_encoder is not None else []
    text_weights = {id(p) for p in text_parameters}
    rows = [('U-Net', *_count(backbone.unet.parameters()))]
    rows.append(("autoencoder's encoder", *_count(backbone.vae.parameters())))
    rows.append(('text encoder', *_count(text_parameters)))
    adapter = [p for p in backbone.prompt.parameters() if id(p) not in text_weights]
    rows.append(('text adapter', *_count(adapter)))
    rows += [(name, *_count(module.parameters())) for name, module in parts.items()]
    return [row for row in rows if row[1]]


def _count(parameters: Iterable['nn.Parameter']) -> tuple[int, int]:
    parameters = list(parameters)
    total = sum(p.numel() for p in parameters)
    return total, sum(p.numel() for p in parameters if p.requires_grad)


def count_flops(model: 'nn.Module', height: int, width: int) -> list[tuple[str, int]]:
    """Return the FLOPs of each part of a model on the meta device for one image.

    A multiplication and an addition are two. The text encoder, which runs once per caption, is
    left out, as are RoI heads, whose cost depends on the image.

    Args:
        model (nn.Module): A segmentor or detector on the meta device.
        height (int): H, a multiple of 64.
        width (int): W, a multiple of 64.

    Returns:
        list[tuple[str, int]]: Name and FLOPs.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    backbone, prompt = model.backbone, model.backbone.prompt
    rows = []

    def count(name, part, *inputs):
        with FlopCounterMode(display=False) as counter:
            outputs = part(*inputs)
        rows.append((name, counter.get_total_flops()))
        return outputs

    model.eval()
    with torch.device('meta'), torch.no_grad():
        latents = count("autoencoder's encoder", backbone.vae, torch.zeros(1, 3, height, width))
        tokens = torch.zeros(1, prompt.num_tokens, prompt.dim)
        features = count('U-Net', backbone.features, latents, backbone.timestep, tokens)
        if model.with_neck:
            features = count('neck', model.neck, tuple(features))
        name = 'decode_head' if hasattr(model, 'decode_head') else 'rpn_head'
        count(name, getattr(model, name), tuple(features))
    return rows


def print_backbone(backbone: 'TADPUNetBackbone') -> None:
    """Print the prompt, the strides and the channels of a backbone."""
    prompt = backbone.prompt
    print(f'\nprompt    {type(prompt).__name__}: {prompt.num_tokens} tokens of width {prompt.dim}')
    print(f'strides   {list(backbone.strides)}')
    print(f'channels  {list(backbone.out_channels)}  ({backbone.describe_channels()})')


def run_forward(backbone: 'TADPUNetBackbone', height: int, width: int, device: str) -> None:
    """Time one forward pass without gradient, and print the shapes of the maps."""
    import resource

    import torch

    backbone = backbone.to(device).eval()
    image = torch.zeros(1, 3, height, width, device=device)
    metainfo = dict(caption='a photo of a cat', category_id=0)
    backbone.set_prompts([metainfo])
    cuda = torch.device(device).type == 'cuda'
    start = time.perf_counter()
    with torch.no_grad():
        features = backbone(image)
    if cuda:
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    if cuda:
        memory = torch.cuda.max_memory_allocated(device) / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f'\none forward pass of 1 x 3 x {height} x {width} on {device}, float32, text included:')
    print(f'  {seconds:.1f} s, {memory:.1f} GiB at the peak')
    for stride, feature in zip(backbone.strides, features):
        print(f'  stride {stride:2d}: {tuple(feature.shape)}')


def main() -> None:
    """Print what the command line asks for."""
    parser = make_parser()
    args = parser.parse_args()
    # After the arguments, since these imports take seconds.
    import torch
    from mmengine.registry import MODELS, init_default_scope

    from mmtadp.models import find_backbones, no_pretrained_weights
    from mmtadp.models.checks import check_channels
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.errors import RunError

    try:
        config = read_config(args.config, args.cfg_options)
    except RunError as error:
        parser.error(str(error))
    init_default_scope(config.get('default_scope', 'mmseg'))
    # On the meta device tensors have shapes only, so no memory and no weights are needed.
    with torch.device('meta'), no_pretrained_weights():
        model = MODELS.build(config.model)
    check_channels(model)
    rows = count_parameters(model)
    print(f'{"part":24s}{"parameters":>14s}{"trained":>14s}')
    for name, total, trained in rows:
        print(f'{name:24s}{total:14,d}{trained:14,d}')
    total, trained = (sum(row[column] for row in rows) for column in (1, 2))
    print(f'{"all":24s}{total:14,d}{trained:14,d}')
    for backbone in find_backbones(model).values():
        print_backbone(backbone)
    flops = count_flops(model, 512, 512)
    print('\nGFLOPs of one image of 512 x 512, without text encoder and RoI head:')
    for name, number in [*flops, ('all', sum(number for _, number in flops))]:
        print(f'{name:24s}{number / 1e9:14,.1f}')
    if args.forward:
        config.model.backbone.pretrained = None
        run_forward(MODELS.build(config.model.backbone), *args.forward, args.device)


if __name__ == '__main__':
    main()
