"""The model card of the captioner."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

from mmtadp.utils.atomic_files import write_json, write_text
from mmtadp.utils.resumable import RunFolder

from .captioner_settings import CaptionerSettings
from .name_scores import LENGTHS, NameScores, captioner_scores, true_scores

_INTRODUCTION = """\
# Captioner of ShapeScenes

A model that writes a caption of a generated scene from its pixels alone, as BLIP-2 does for
photographs. Use the folder with `tools/captions/generate.py --model`. Captions are short, or long
with `--min-new-tokens {long}`. They never name the domain.

{parameters:,} parameters ({encoder:,} of a ResNet and a ViT, {decoder:,} of a GPT-2),
{megabytes:.1f} MB in half precision. `projects/shapescenes/tools/train_captioner.py` trained it
and wrote this page.

## Training

{steps:,} steps of {batch_size} images from {scenes:,} captioned scenes
({shares}) that no ShapeScenes dataset holds,
mirrored at random. Cross entropy of the next word at the end: {loss:.3f} nats. Torch {torch},
transformers {transformers}.

## Class names on {count} held-out scenes

Precision is the share of the named classes that are in the scene; recall is the share of the
classes in the scene that are named; ± is the standard error over scenes. The last two rows are
captions written from the scenes, an upper bound for a captioner.

| domain | captions | words | precision | recall |
| --- | --- | --- | --- | --- |
"""


def write_captioner_card(
    folder: Path, settings: CaptionerSettings, count: int, progress: Callable = iter
) -> None:
    """Evaluate a captioner, and write ``README.md`` and ``scores.json`` into its folder.

    Args:
        folder (Path): Result of :func:`.train_captioner`.
        settings (CaptionerSettings): Settings of the run.
        count (int): Number of held-out scenes; all domains show the same.
        progress (Callable): Wraps the loop over batches.
    """
    scores = {
        **captioner_scores(folder, count, device=settings.device, progress=progress),
        'from the scene': true_scores(count),
    }
    card = _introduction(folder, settings, count) + ''.join(
        _row(domain, length, scores[domain][length]) for domain in scores for length in LENGTHS
    )
    figures = {
        domain: {length: dataclasses.asdict(of[length]) for length in LENGTHS}
        for domain, of in scores.items()
    }
    write_json(folder / 'scores.json', dict(scenes=count, scores=figures))
    write_text(folder / 'README.md', card)


def _introduction(folder: Path, settings: CaptionerSettings, count: int) -> str:
    weights = folder / 'model.safetensors'
    sizes = {'encoder': 0, 'decoder': 0}
    for name, value in load_file(weights).items():
        sizes[name.split('.')[0]] += value.numel()
    total = sum(settings.domain_shares.values())
    log = RunFolder(settings.out, {}, overwrite=False).log()
    loss = log[-1]['loss'] if log else math.nan
    return _INTRODUCTION.format(
        long=LENGTHS['long'],
        parameters=sum(sizes.values()),
        **sizes,
        megabytes=weights.stat().st_size / 1e6,
        steps=settings.steps,
        batch_size=settings.batch_size,
        scenes=settings.scenes,
        shares=', '.join(f'{w / total:.0%} {name}' for name, w in settings.domain_shares.items()),
        loss=loss,
        torch=torch.__version__,
        transformers=transformers.__version__,
        count=count,
    )


def _row(domain: str, length: str, scores: NameScores) -> str:
    return f'| {domain} | {length} | {scores.words:.1f} | {scores.precision} | {scores.recall} |\n'
