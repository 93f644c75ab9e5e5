"""Print the parts of a config's model: parameters, FLOPs, tokens, channels.

    python tools/analysis_tools/describe.py configs/tadp/tadp40_ade20k_80k.py
    python tools/analysis_tools/describe.py configs/tadp/tadp40_ade20k_80k.py --forward 512 512

Neither needs pretrained weights. The second runs one forward pass with random weights.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, positive  # noqa: E402
from _models import build_model  # noqa: E402

if TYPE_CHECKING:
    from torch import nn

    from mmtadp.models import TADPUNetBackbone


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description="Print the parts of a config's model: parameters, FLOPs, tokens, channels."
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--forward',
        nargs=2,
        type=positive,
        metavar=('HEIGHT', 'WIDTH'),
        help='run one forward pass of the backbone on one image of this size, with random weights',
    )
    parser.add_argument('--device', type=device, default='cpu', help='device of the forward pass')
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
    import torch

    backbone.eval()
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
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if cuda else _peak_memory()
    print(f'\none forward pass of 1 x 3 x {height} x {width} on {device}, float32, text included:')
    print(f'  {seconds:.1f} s' + (f', {memory:.1f} GiB at the peak' if memory else ''))
    for stride, feature in zip(backbone.strides, features):
        print(f'  stride {stride:2d}: {tuple(feature.shape)}')


def _peak_memory() -> float | None:
    """Return the most memory that this process has had, in GiB; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    # Of macOS in bytes, of Linux in KiB.
    unit = 2**30 if sys.platform == 'darwin' else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def describe(args: argparse.Namespace) -> None:
    """Print what the command line asks for.

    Raises:
        RunError: If the config cannot be read, or its model not be built.
    """
    from mmtadp.utils.config_files import read_config

    config = read_config(args.config, args.cfg_options, required=['model.backbone'])
    model = build_model(config, args.config)
    rows = count_parameters(model)
    print(f'{"part":24s}{"parameters":>14s}{"trained":>14s}')
    for name, total, trained in rows:
        print(f'{name:24s}{total:14,d}{trained:14,d}')
    total, trained = (sum(row[column] for row in rows) for column in (1, 2))
    print(f'{"all":24s}{total:14,d}{trained:14,d}')
    print_backbone(model.backbone)
    flops = count_flops(model, 512, 512)
    print('\nGFLOPs of one image of 512 x 512, without text encoder and RoI head:')
    for name, number in [*flops, ('all', sum(number for _, number in flops))]:
        print(f'{name:24s}{number / 1e9:14,.1f}')
    if args.forward:
        backbone = build_model(config, args.config, args.device).backbone
        run_forward(backbone, *args.forward, args.device)


def main() -> int:
    """Describe the config of the command line, and return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: describe(args))


if __name__ == '__main__':
    sys.exit(main())
