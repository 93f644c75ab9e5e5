"""Data of the runs in addition to ShapeScenes: blurred images, tokens, DreamBooth U-Nets."""

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
from mmtadp.utils.atomic_files import read_json
from projects.shapescenes.generator.writer import MANIFEST
from projects.shapescenes.tinysd.preparation import caption_images, prepare

from .blur import write_blurred
from .run_plan import Run

# Ten scenes just before those that the settings were chosen on. The cross-domain configs have so
# few labelled scenes that these are not among them.
_IMAGES = 'images/training/training_00079?.png'
_STEPS = 200
# The templates of the configs' modifiers, without the caption.
_TOKENS = {
    'night': dict(token='<night>', initializer='photo', templates=('a dark {token} photo',)),
    'watercolor': dict(
        token='<watercolor>', initializer='painting', templates=('a {token} style painting',)
    ),
}
_SKS = {'night': 'a photo at sks night', 'watercolor': 'a sks style painting'}


def prepare_runs(runs: Sequence[Run], root: str | os.PathLike, workers: int = 0) -> None:
    """Write the data that runs read, unless they exist.

    Args:
        runs (Sequence[Run]): The runs.
        root (str | PathLike): Folder of the data.
        workers (int): Processes that render scenes; 0 renders in the calling process.

    Raises:
        RunError: If captioning or personalisation is impossible.
        FileExistsError: If ``root`` holds other data.
        TaggerDataError: If NLTK's tagger is needed and its data are missing.
        Interrupted: If SIGINT or SIGTERM stopped personalisation; the next call continues it.
    """
    root = Path(root)
    variants = [run.variant for run in runs]
    texts = {variant.text for variant in variants}
    prepare(root, ['day'], workers=workers, captions=('long', *sorted(texts & {'nouns', 'short'})))
    for target in sorted({variant.target for variant in variants} - {'day'}):
        prepare(root, [target], workers=workers, captions=('clean',))
    for sigma in sorted({run.blur for run in runs} - {0}):
        caption_images(write_blurred(root / 'day', sigma), 'long', root / 'captioner')
    for modifier, make in (('textual_inversion', learn_token), ('dreambooth', tune_unet)):
        for target in sorted({v.target for v in variants if v.modifier == modifier}):
            make(root, target)


def learn_token(root: Path, target: str, steps: int = _STEPS) -> None:
    """Learn the token of a target domain from ten of its training images.

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
        # TinySD's embeddings have larger entries than Stable Diffusion's.
        learning_rate=2e-2,
    )
    personalize(TextualInversion, settings)


def tune_unet(root: Path, target: str, steps: int = _STEPS) -> None:
    """Tune a U-Net to a target domain by DreamBooth, with the same ten images.

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
    manifest = read_json(root / target / MANIFEST, 'Delete its folder.', {'size': int})
    return dict(
        images=str(root / target / _IMAGES),
        pretrained=str(root / 'tinysd'),
        resolution=manifest['size'],
    )
