"""Time captioning against a plain loop over one image at a time, in one process.

    python tools/captions/benchmark.py data/streets/images --model MODEL --limit 64

The plain loop opens, processes and captions one image after another. Both use the same model and
images and take turns, so that their ratio is meaningful on a busy machine.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, non_negative, positive  # noqa: E402

os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(description='Time captioning.')
    parser.add_argument('input', help='images, as for tools/captions/generate.py')
    parser.add_argument(
        '--model', default='Salesforce/blip2-opt-2.7b', help='default: %(default)s'
    )
    parser.add_argument('--dtype', choices=('fp16', 'bf16', 'fp32', 'int8'), default='fp32')
    parser.add_argument('--device', type=device, help='default: a GPU if there is one')
    parser.add_argument('--min-new-tokens', type=non_negative, default=0)
    parser.add_argument('--max-new-tokens', type=positive, default=77)
    parser.add_argument('--num-beams', type=positive, default=1)
    parser.add_argument('--batch-size', type=positive, default=16)
    parser.add_argument(
        '--workers', type=non_negative, help='default: number of spare cores, at most 8'
    )
    parser.add_argument(
        '--limit', type=positive, default=64, help='number of images (default: 64)'
    )
    parser.add_argument('--repeats', type=positive, default=3)
    return parser


def caption_in_batches(captioner, paths: list[str], batches, workers: int) -> list[str]:
    """Caption as tools/captions/generate.py does."""
    from mmtadp.captioning.image_loading import load_ahead
    from mmtadp.captioning.local_engine import caption_batch

    keys = {path: path for path in paths}
    cut = [paths[i : i + batches.size] for i in range(0, len(paths), batches.size)]
    captions = {}
    for images in load_ahead(cut, keys, captioner.inputs.prepare, workers=workers):
        for results in caption_batch(captioner, batches, images):
            captions.update(results.captions)
    return [captions.get(path, '') for path in paths]


def caption_one_by_one(captioner, paths: list[str]) -> list[str]:
    """Caption in a plain loop."""
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.image_files import UnusableImageError, open_rgb

    captions = []
    for path in paths:
        try:
            image = open_rgb(path)
        except UnusableImageError as error:
            raise RunError(f'{path} cannot be used: {error}.') from error
        captions += captioner.caption([captioner.inputs.prepare(image)])
    return captions


def benchmark(args: argparse.Namespace) -> None:
    """Time both ways and print the results.

    Raises:
        RunError: If the images or the model cannot be used.
    """
    import torch

    from mmtadp.captioning import Captioner, Decoding
    from mmtadp.captioning.batching import AdaptiveBatches
    from mmtadp.captioning.image_loading import default_workers
    from mmtadp.utils.image_sources import find_images

    place = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    workers = default_workers() if args.workers is None else args.workers
    paths = [image.path for image in find_images(args.input)][: args.limit]
    decoding = Decoding(args.min_new_tokens, args.max_new_tokens, args.num_beams)
    captioner = Captioner.load(args.model, decoding, dtype=args.dtype, device=place)
    batches = AdaptiveBatches(args.batch_size)
    ways = {
        'batches, decoded ahead': lambda: caption_in_batches(captioner, paths, batches, workers),
        'one image at a time': lambda: caption_one_by_one(captioner, paths),
    }
    seconds, shares, captions = {way: [] for way in ways}, {way: [] for way in ways}, {}
    for repeat in range(args.repeats + 1):
        for way, run in ways.items():
            captioner.seconds, start = 0.0, time.perf_counter()
            captions[way] = run()
            taken = time.perf_counter() - start
            if repeat > 0:  # the first round warms up
                seconds[way].append(taken)
                shares[way].append(captioner.seconds / taken)
    print(
        f'{args.model}, {len(paths)} images, {args.dtype}, {place}, batches of '
        f'{batches.size}, {workers} workers, {torch.get_num_threads()} threads, torch '
        f'{torch.__version__}, {args.repeats} repeats'
    )
    for way, taken in seconds.items():
        rate = len(paths) / statistics.mean(taken)
        print(
            f'  {way:24s} {rate:7.2f} images/s, {statistics.mean(taken):6.2f} s +- '
            f'{statistics.pstdev(taken):.2f}, {statistics.mean(shares[way]):.0%} in the model'
        )
    first, second = (statistics.mean(taken) for taken in seconds.values())
    print(f'  ratio {second / first:.2f}')
    one, other = captions.values()
    print(f'  {sum(a == b for a, b in zip(one, other))} of {len(paths)} captions are equal')


def main() -> int:
    """Time what the command line asks for, and return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: benchmark(args))


if __name__ == '__main__':
    sys.exit(main())
