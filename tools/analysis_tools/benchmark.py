"""Time a backbone's U-Net, with and without forming every attention's probabilities.

    python tools/analysis_tools/benchmark.py configs/tadp/tadp40_ade20k_80k.py --size 512 512

The published implementation forms the probabilities of all attention layers. mmtadp forms those
of the layers whose maps are used, and fuses the others. Both variants run in turns in one process
with the same random weights; compare their ratio, not their times.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, positive  # noqa: E402
from _models import build_model  # noqa: E402

if TYPE_CHECKING:
    from mmtadp.models import TADPUNetBackbone


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description="Time a backbone's U-Net.")
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--size',
        nargs=2,
        type=positive,
        default=(512, 512),
        metavar=('H', 'W'),
        help='size of the image',
    )
    parser.add_argument('--repeats', type=positive, default=3, help='timed rounds (default: 3)')
    parser.add_argument('--device', type=device, default='cpu')
    return parser


def explicit_processors(backbone: 'TADPUNetBackbone') -> dict[str, Any]:
    """Return processors that form the probabilities in every layer."""
    from diffusers.models.attention_processor import AttnProcessor

    from mmtadp.models.backbones.recorders import RecordingAttnProcessor

    return {
        name: processor if isinstance(processor, RecordingAttnProcessor) else AttnProcessor()
        for name, processor in backbone.unet.attn_processors.items()
    }


def seconds(forward: Callable[[], object], device: str) -> float:
    """Return the wall time of one call without gradient, in seconds."""
    import torch

    start = time.perf_counter()
    with torch.no_grad():
        forward()
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def benchmark(args: argparse.Namespace) -> None:
    """Time what the command line asks for, and print it.

    Raises:
        RunError: If the config cannot be read, or its model not be built.
    """
    import torch

    from mmtadp.utils.config_files import read_config

    config = read_config(args.config, required=['model.backbone'])
    backbone = build_model(config, args.config, args.device).backbone.eval()
    height, width = (side // backbone.strides[0] for side in args.size)
    unet, prompt = backbone.unet, backbone.prompt
    latents = torch.randn(1, unet.config.in_channels, height, width, device=args.device)
    tokens = torch.randn(1, prompt.num_tokens, prompt.dim, device=args.device)
    variants = {
        'fused where no map is used': unet.attn_processors,
        'explicit in every layer': explicit_processors(backbone),
    }
    times = {name: [] for name in variants}
    for repeat in range(args.repeats + 1):
        for name, processors in variants.items():
            unet.set_attn_processor(dict(processors))
            taken = seconds(
                lambda: backbone.features(latents, backbone.timestep, tokens), args.device
            )
            if repeat > 0:  # the first round warms up
                times[name].append(taken)
    print(
        f'U-Net of {args.config}, one image of {args.size[0]} x {args.size[1]}, float32, '
        f'{args.device}, {torch.get_num_threads()} threads, torch {torch.__version__}'
    )
    for name, taken in times.items():
        mean, spread = statistics.mean(taken), statistics.pstdev(taken)
        print(f'  {name:28s} {mean:7.2f} s +- {spread:.2f} over {args.repeats}')
    ratio = statistics.mean(times['explicit in every layer']) / statistics.mean(
        times['fused where no map is used']
    )
    print(f'  ratio {ratio:.2f}')


def main() -> int:
    """Time the config of the command line, and return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: benchmark(args))


if __name__ == '__main__':
    sys.exit(main())
