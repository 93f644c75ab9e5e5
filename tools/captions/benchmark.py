"""Times captioning against a plain loop over one image at a time, in one process.

    python tools/captions/benchmark.py data/streets/images --model MODEL --limit 64

The plain loop opens an image, processes it, generates and goes on. Both have the same model and
the same images, and take turns, so what counts is their ratio.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')

import torch  # noqa: E402
from PIL import Image  # noqa: E402

from mmtadp.captioning import DEFAULT_MODEL, DTYPES, Captioner, Decoding  # noqa: E402
from mmtadp.captioning.batching import AdaptiveBatches  # noqa: E402
from mmtadp.captioning.image_loading import default_workers, load_ahead  # noqa: E402
from mmtadp.captioning.local_engine import caption_batch  # noqa: E402
from mmtadp.utils.image_sources import (
    SOURCES,  # noqa: E402
    find_images,  # noqa: E402
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Time captioning.')
    parser.add_argument('input', help=SOURCES)
    parser.add_argument('--model', default=DEFAULT_MODEL)
    parser.add_argument('--dtype', choices=(*DTYPES, 'int8'), default='fp32')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--min-new-tokens', type=int, default=0)
    parser.add_argument('--max-new-tokens', type=int, default=77)
    parser.add_argument('--num-beams', type=int, default=1)
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--workers', type=int, default=default_workers())
    parser.add_argument('--limit', type=int, default=64, help='how many images')
    parser.add_argument('--repeats', type=int, default=3)
    return parser.parse_args()


def caption_in_batches(
    captioner: Captioner, paths: list[str], batches: AdaptiveBatches, workers: int
) -> list[str]:
    """As tools/captions/generate.py does it."""
    keys = {path: path for path in paths}
    cut = [paths[i : i + batches.size] for i in range(0, len(paths), batches.size)]
    captions = {}
    for images in load_ahead(cut, keys, captioner.inputs.prepare, workers=workers):
        for results in caption_batch(captioner, batches, images):
            captions.update(results.captions)
    return [captions.get(path, '') for path in paths]


def caption_one_by_one(captioner: Captioner, paths: list[str]) -> list[str]:
    """As one would at first."""
    captions = []
    for path in paths:
        with Image.open(path) as image:
            prepared = captioner.inputs.prepare(image.convert('RGB'))
        captions += captioner.caption([prepared])
    return captions


def main() -> None:
    args = parse_args()
    paths = [image.path for image in find_images(args.input)][: args.limit]
    decoding = Decoding(args.min_new_tokens, args.max_new_tokens, args.num_beams)
    captioner = Captioner.load(args.model, decoding, dtype=args.dtype, device=args.device)
    batches = AdaptiveBatches(args.batch_size)
    ways = {
        'batches, decoded ahead': lambda: caption_in_batches(
            captioner, paths, batches, args.workers
        ),
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
        f'{args.model}, {len(paths)} images, {args.dtype}, {args.device}, batches of '
        f'{batches.size}, {args.workers} workers, {torch.get_num_threads()} threads, torch '
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


if __name__ == '__main__':
    main()
