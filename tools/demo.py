"""Trains, tests and draws TADP on generated scenes, on a CPU in minutes.

python tools/demo.py
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence

# Before torch. OpenMP's threads spin while they wait, by default so long that training slows down
# many times over as soon as anything else wants their core; spinning briefly costs nothing.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import METRICS, DefaultScope

from mmtadp.apis import init_model
from mmtadp.compat import safe_checkpoint_loading
from mmtadp.datasets.shapescenes import write_dataset
from mmtadp.engine import runs
from mmtadp.models.diffusion.tiny import build_tiny_pipeline

# Scripts of this folder are no package.
sys.path.insert(0, str(Path(__file__).parent))
from visualize_attention import (  # noqa: E402
    attention_of_words,
    default_words,
    draw_attention,
    save_sheet,
)

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'tadp' / 'tadp_shapes_demo.py'
NUM_EXAMPLES = 8
SCALE = 2


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes and a tiny diffusion pipeline, train the demo config on '
        'them, test it and draw what it predicts. An interrupted demo is continued by the same '
        'command.'
    )
    parser.add_argument('--work-dir', default='work_dirs/tadp_shapes_demo')
    parser.add_argument(
        '--overwrite', action='store_true', help='start again although there are results'
    )
    parser.add_argument('--training', type=int, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=int, default=200, help='scenes to test on')
    parser.add_argument('--cfg-options', nargs='+', action=runs.DictAction, help='as in train.py')
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    work_dir = Path(args.work_dir)
    metrics_file = work_dir / 'metrics.json'
    if args.overwrite:
        metrics_file.unlink(missing_ok=True)
    elif metrics_file.exists():
        print(f'{work_dir} holds the results of an earlier demo:')
        report(work_dir, json.loads(metrics_file.read_text()))
        print('Run it again with --overwrite (`python tools/demo.py --overwrite`).')
        return
    try:
        metrics = run_demo(args, work_dir)
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues from the last checkpoint.')
        sys.exit(130)
    except FileExistsError as error:
        parser.error(str(error))
    write_json(metrics_file, metrics)
    report(work_dir, metrics)


def run_demo(args: argparse.Namespace, work_dir: Path) -> Dict:
    """All steps; returns what is written to metrics.json."""
    started = time.time()
    options = argparse.Namespace(
        config=str(CONFIG),
        work_dir=str(work_dir),
        cfg_options=args.cfg_options,
        launcher='none',
        local_rank=0,
    )
    cfg = runs.load_config(options)
    data = Path(cfg.data_root)
    say('1/4 writing scenes and the tiny diffusion pipeline')
    write_dataset(
        data.parent,
        domains=[data.name],
        num_training=args.training,
        num_validation=args.validation,
        size=cfg.model.data_preprocessor.size[0],
    )
    build_tiny_pipeline(cfg.model.backbone.pretrained)

    say(f'2/4 training {CONFIG.name} for {cfg.train_cfg.max_iters} iterations')
    continued = train(cfg, args.overwrite)

    say('3/4 testing')
    checkpoint = str(runs.last_checkpoint(work_dir))
    scores = test(runs.load_config(options), checkpoint, work_dir)
    print('\nFor comparison, always predicting the background:')
    baseline = score_background_only(cfg)

    say('4/4 drawing')
    captions = json.loads((data / 'captions.json').read_text())
    draw_predictions(data, captions, work_dir)
    draw_words(cfg, checkpoint, data, captions, work_dir)
    return {
        'mIoU': round(float(scores['mIoU']), 2),
        'mIoU_background_only': round(float(baseline['mIoU']), 2),
        'ratio': round(float(scores['mIoU'] / baseline['mIoU']), 2),
        'mAcc': round(float(scores['mAcc']), 2),
        'aAcc': round(float(scores['aAcc']), 2),
        'training_scenes': args.training,
        'validation_scenes': args.validation,
        'iterations': cfg.train_cfg.max_iters,
        'minutes': round((time.time() - started) / 60, 1),
        'continued': continued,
    }


def say(message: str) -> None:
    """A line that stands out among the log's."""
    print(f'\n=== {message}', flush=True)


def train(cfg: Config, overwrite: bool) -> bool:
    """Train with the stock runner; returns whether it continued an interrupted demo."""
    resume = not overwrite and runs.last_checkpoint(cfg.work_dir) is not None
    if resume:
        runs.set_resume(cfg, 'auto')
        print(f'Continuing from {cfg.load_from}')
    else:
        # Checkpoints without results: an interrupted demo whose pointer to the last is missing.
        runs.protect_results(cfg, overwrite)
    with safe_checkpoint_loading():
        runs.build_runner(cfg, weights_follow=resume).train()
    return resume


def test(cfg: Config, checkpoint: str, work_dir: Path) -> Dict[str, float]:
    """Test with the stock runner, which also draws every prediction."""
    cfg.load_from, cfg.resume = checkpoint, False
    runs.draw_to(cfg, str(work_dir / 'predictions'))
    # Loggers and visualizers are global by name: do not continue those of the training.
    cfg.experiment_name = f'{CONFIG.stem}_test'
    cfg.visualizer.name = 'test'
    with safe_checkpoint_loading():
        return runs.build_runner(cfg, weights_follow=True).test()


def score_background_only(cfg: Config) -> Dict[str, float]:
    """What always predicting the background scores, by the metric of the test."""
    dataset = cfg.test_dataloader.dataset
    with DefaultScope.overwrite_default_scope('mmseg'):
        metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = dataset.metainfo
    folder = Path(dataset.data_root) / dataset.data_prefix.seg_map_path
    files = sorted(folder.glob('*.png'))
    for file in files:
        mask = torch.from_numpy(cv2.imread(str(file), cv2.IMREAD_UNCHANGED))[None].long()
        prediction = dict(data=torch.zeros_like(mask))
        metric.process({}, [dict(pred_sem_seg=prediction, gt_sem_seg=dict(data=mask))])
    return metric.evaluate(len(files))


def example_stems(captions: Dict, count: int = NUM_EXAMPLES) -> List[str]:
    """Validation images at even steps, not chosen by their result."""
    stems = sorted(stem for stem in captions if stem.startswith('validation'))
    return stems[:: max(1, len(stems) // count)][:count]


def read_image(data: Path, stem: str) -> np.ndarray:
    """(H, W, 3) BGR."""
    return cv2.imread(str(data / 'images' / 'validation' / f'{stem}.png'))


def draw_predictions(data: Path, captions: Dict, work_dir: Path) -> None:
    """Put what the visualization hook drew beside the images and under their captions."""
    drawn = work_dir / 'predictions' / 'vis_data' / 'vis_image'
    panels = []
    for stem in example_stems(captions):
        (overlays,) = drawn.glob(f'test_{stem}.png_*.png')
        row = np.concatenate([read_image(data, stem), cv2.imread(str(overlays))], axis=1)
        row = cv2.resize(row, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        panels.append((captions[stem]['captions'][0], row))
    title = 'For each caption: the image, its ground truth, the prediction.'
    save_sheet(panels, 2, title, work_dir / 'demo.png')


def draw_words(cfg: Config, checkpoint: str, data: Path, captions: Dict, work_dir: Path) -> None:
    """Draw the attention maps of the objects in one caption."""
    model = init_model(cfg, checkpoint)
    stem = max(example_stems(captions), key=lambda s: len(captions[s]['captions'][0]))
    image, caption = read_image(data, stem), captions[stem]['captions'][0]
    maps = attention_of_words(model, image, caption, default_words(model, caption))
    draw_attention(image, caption, maps, work_dir / 'attention.png')


def write_json(path: Path, content: Dict) -> None:
    """Write a file that is never seen half written."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=2) + '\n')
    temporary.replace(path)


def report(work_dir: Path, metrics: Dict) -> None:
    """Print the figures and where things are."""
    print(
        f'\nmIoU {metrics["mIoU"]:.2f} on {metrics["validation_scenes"]} scenes that were not '
        f'trained on ({metrics["training_scenes"]} were).\n'
        f'Always predicting the background scores {metrics["mIoU_background_only"]:.2f}: the '
        f'model, {metrics["ratio"]:.1f} times as much.\n'
        "The captions are the scene generator's own, so they are always right; the U-Net was "
        'not pretrained.\n'
        f'It took {metrics["minutes"]} minutes'
        f'{" since it was continued" if metrics["continued"] else ""}.\n'
        f'  {work_dir / "demo.png"}         images, ground truth, predictions\n'
        f'  {work_dir / "attention.png"}    what words of one caption attend to\n'
        f'  {work_dir / "predictions"}      every prediction\n'
        f'  {work_dir / "metrics.json"}     these figures\n'
    )


if __name__ == '__main__':
    main()
