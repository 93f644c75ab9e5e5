"""What runs look for beside scenes and captions: blurred scenes, tokens, DreamBoothed U-Nets."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from mmtadp.personalization import (
    DreamBooth,
    DreamBoothSettings,
    TextualInversion,
    TextualInversionSettings,
)
from mmtadp.personalization.training import personalize
from projects.shapescenes.generator.writer import MANIFEST
from projects.shapescenes.tinysd.preparation import caption_images, prepare

from .blur import write_blurred
from .plan import Run

# Ten scenes in front of those that settings are chosen on; no config of the cross-domain runs has
# so many labelled scenes that they are among them.
_IMAGES = 'images/training/training_00079?.png'
_STEPS = 200
# The sentences that the modifiers of the configs make of captions, without the caption.
_TOKENS = {
    'night': dict(token='<night>', initializer='photo', templates=('a dark {token} photo',)),
    'watercolor': dict(
        token='<watercolor>', initializer='painting', templates=('a {token} style painting',)
    ),
}
_SKS = {'night': 'a photo at sks night', 'watercolor': 'a sks style painting'}


def prepare_runs(runs: Sequence[Run], root: str | os.PathLike, workers: int = 0) -> None:
    """Makes what these runs need and is not there yet.

    Args:
        runs (Sequence[Run]): The runs.
        root (str | PathLike): Folder of the data.
        workers (int): Processes that render scenes; 0 renders in this one.

    Raises:
        RunError: If captioning or personalisation cannot be done.
        FileExistsError: If ``root`` holds something else.
        TaggerDataError: If NLTK's tagger is needed and not there.
        Interrupted: If SIGINT or SIGTERM asked personalisation to stop; it continues next time.
    """
    root = Path(root)
    for domain, captions in _captions_of(runs).items():
        prepare(root, [domain], workers=workers, captions=captions)
    for sigma in sorted({run.blur for run in runs} - {0}):
        caption_images(write_blurred(root / 'day', sigma), 'long', root / 'captioner')
    for target in sorted({run.target for run in runs if 'textual_inversion' in run.config}):
        learn_token(root, target)
    for target in sorted({run.target for run in runs if 'dreambooth' in run.config}):
        tune_unet(root, target)


def _captions_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Caption files that runs read, by domain."""
    names = {run.config.removeprefix('tadp_').removesuffix('_shapescenes') for run in runs}
    found = {'day': ['long', *(kind for kind in ('short', 'nouns') if kind in names)]}
    for target in sorted({run.target for run in runs} - {'day'}):
        found[target] = ['clean']
    return found


def learn_token(root: Path, target: str, steps: int = _STEPS) -> None:
    """Learns the token of a target domain from ten of its training images.

    Args:
        root (Path): Folder of the data.
        target (str): The domain.
        steps (int): Optimiser steps.
    """
    out = root / 'tokens' / target
    if (out / 'learned_embeds.safetensors').exists():
        return
    settings = TextualInversionSettings(
        **_common(root, target),
        **_TOKENS[target],
        out=str(out),
        steps=steps,
        # Entries of TinySD's embeddings are larger than those of Stable Diffusion's.
        learning_rate=2e-2,
    )
    personalize(TextualInversion, settings)


def tune_unet(root: Path, target: str, steps: int = _STEPS) -> None:
    """Tunes a U-Net to a target domain, with the same ten images.

    Args:
        root (Path): Folder of the data.
        target (str): The domain.
        steps (int): Optimiser steps.
    """
    out = root / 'dreambooth' / target
    if (out / 'unet').exists():
        return
    settings = DreamBoothSettings(
        **_common(root, target),
        out=str(out),
        prompt=_SKS[target],
        steps=steps,
        batch_size=4,
        learning_rate=1e-4,
    )
    personalize(DreamBooth, settings)


def _common(root: Path, target: str) -> dict:
    manifest = json.loads((root / target / MANIFEST).read_text())
    return dict(
        images=str(root / target / _IMAGES),
        pretrained=str(root / 'tinysd'),
        resolution=manifest['size'],
    )
