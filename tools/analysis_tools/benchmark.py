"""Times a backbone's U-Net, and what it costs to form every attention's probabilities.

    python tools/analysis_tools/benchmark.py configs/tadp/tadp40_ade20k_80k.py --size 512 512

The published implementation forms the probabilities of all attention layers; mmtadp forms those of
the layers whose maps are used, and fuses the others. Both variants run in turns in one process,
with the same random weights, so what counts is their ratio.
"""

import argparse
import statistics
import time
from typing import Callable, Dict

import torch
from diffusers.models.attention_processor import AttnProcessor
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import mmtadp  # noqa: F401  (so that `mmtadp::` resolves)
from mmtadp.models import TADPUNetBackbone
from mmtadp.models.backbones.recorders import RecordingAttnProcessor


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time a backbone's U-Net")
    parser.add_argument('config', help='config file')
    parser.add_argument('--size', nargs=2, type=int, default=(512, 512), metavar=('H', 'W'))
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--device', default='cpu')
    return parser.parse_args()


def explicit_processors(backbone: TADPUNetBackbone) -> Dict:
    """Processors that form the probabilities in every layer."""
    return {
        name: processor if isinstance(processor, RecordingAttnProcessor) else AttnProcessor()
        for name, processor in backbone.unet.attn_processors.items()
    }


@torch.no_grad()
def seconds(forward: Callable[[], object], device: str) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    forward()
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    args = parse_args()
    config = Config.fromfile(args.config)
    init_default_scope(config.get('default_scope', 'mmseg'))
    config.model.backbone.pretrained = None
    backbone = MODELS.build(config.model.backbone).to(args.device).eval()
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


if __name__ == '__main__':
    main()
