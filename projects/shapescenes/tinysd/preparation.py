"""What the configs on ShapeScenes look for: scenes, TinySD, and captions that a model wrote."""

import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from mmtadp.captioning import Decoding, LocalEngine, Processes, Task, run_task
from mmtadp.captioning.cleaning import OfflineCleaner, Vocabulary
from mmtadp.captions import find_nouns
from mmtadp.captions.derive import derive_file
from mmtadp.utils.atomic_files import write_folder
from projects.shapescenes.captioner.evaluation import LENGTHS
from projects.shapescenes.captioner.wording import MAX_NEW_TOKENS
from projects.shapescenes.generator import write_dataset

from .untrained import build_tiny_pipeline

WEIGHTS = Path(__file__).parents[1] / 'weights'
"""Folder of the weights that come with the package."""

SHIPPED = {'tinysd': WEIGHTS / 'diffusion', 'captioner': WEIGHTS / 'captioner'}
"""Where each is in the package, by its name in the folder of the scenes."""

CAPTIONS = (*LENGTHS, 'nouns', 'clean')
"""Caption files that a domain can have: the captioner's two, and two made from its long ones."""

_STYLES = {'night': 'night', 'watercolor': 'watercolor', 'comic': 'comic'}
"""What is cleaned away of each domain's captions: the cleaner's name of its style."""


def prepare(
    root: str | os.PathLike,
    domains: Sequence[str] = ('day',),
    num_training: int = 1000,
    num_validation: int = 300,
    size: int = 128,
    seed: int = 0,
    workers: int = 0,
    captions: Sequence[str] = tuple(LENGTHS),
) -> None:
    """Writes all of it, or what is missing.

    The layout is that of :func:`~projects.shapescenes.generator.write_dataset`, and::

        root/tinysd/                      diffusers folder of the pretrained model
        root/tiny_pipeline/               the same model, untrained
        root/captioner/                   what wrote the captions
        root/day/captions_long.json       {"validation/validation_000000.png": {"captions": […]}}
        root/day/captions_short.json      short ones
        root/day/captions_nouns.json      the nouns of the long ones
        root/night/captions_clean.json    the long ones without mentions of the domain

    All of these captions come from the images alone, ``root/day/captions.json`` from the scenes.
    Nouns and cleaning need NLTK's tagger.

    Args:
        root (str | PathLike): Folder to write to.
        domains (Sequence[str]): Looks to render and to caption.
        num_training (int): Scenes of the training split.
        num_validation (int): Scenes of the validation split.
        size (int): Height and width of the images in pixels.
        seed (int): Of the scenes.
        workers (int): Processes that render; 0 renders in this one.
        captions (Sequence[str]): Those of :data:`CAPTIONS` to make.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If there is something else in the place of a part.
        RunError: If captions are there that another captioner wrote.
        TaggerDataError: If NLTK's tagger is needed and not there; the message says how to get it.
    """
    unknown = [kind for kind in captions if kind not in CAPTIONS]
    if unknown:
        raise ValueError(f'captions is {list(captions)}; expected some of {list(CAPTIONS)}')
    root = Path(root)
    write_dataset(root, domains, num_training, num_validation, size, seed, workers)
    build_tiny_pipeline(root / 'tiny_pipeline')
    for name in SHIPPED:
        copy_shipped(name, root / name)
    for domain in domains:
        for kind in CAPTIONS:
            if kind in captions:
                _caption(root, domain, kind)


def _caption(root: Path, domain: str, kind: str) -> None:
    length = kind if kind in LENGTHS else 'long'
    source = caption_images(root / domain, length, root / 'captioner')
    if kind == 'nouns':
        settings = dict(derived='nouns')
        change = _nouns
    elif kind == 'clean':
        style = _STYLES.get(domain)
        settings = dict(cleaned='offline', style=style)
        # Nobody calls the day a style.
        change = OfflineCleaner(Vocabulary.load(style)) if style else str
    else:
        return
    out = str(root / domain / f'captions_{kind}.json')
    # Each time anew, which takes a second: so it never disagrees with what it is made from.
    derive_file(str(source), out, settings, change, overwrite=True)


def _nouns(caption: str) -> str:
    return ' '.join(find_nouns(caption))


def copy_shipped(name: str, folder: Path) -> None:
    """Copies weights that come with the package, unless they are there.

    Args:
        name (str): A key of :data:`SHIPPED`.
        folder (Path): Where to. It appears whole or not at all.

    Raises:
        FileExistsError: If ``folder`` holds anything else.
    """
    source = SHIPPED[name]
    if not folder.exists():
        write_folder(folder, lambda new: shutil.copytree(source, new))
        return
    files = [
        str(path.relative_to(source))
        for path in source.rglob('*')
        # What a card says, and the pictures in it, can change without the weights.
        if path.is_file() and path.suffix not in ('.md', '.png')
    ]
    different = [*filecmp.cmpfiles(source, folder, files, shallow=False)[1:]]
    if any(different):
        raise FileExistsError(
            f'{folder} is not the {name} that comes with this version of mmtadp: '
            f'{sorted(sum(different, []))[0]} differs. Delete the folder and what was made with '
            'it, or choose another one.'
        )


def caption_images(folder: Path, length: str, captioner: Path) -> Path:
    """Captions the images of a domain, or those that have no caption yet.

    Args:
        folder (Path): Of the domain, with ``images/``.
        length (str): ``long`` or ``short``.
        captioner (Path): Folder of the model.

    Returns:
        Path: The caption file, ``folder/captions_LENGTH.json``.

    Raises:
        RunError: If the file was made by another captioner.
    """
    out = folder / f'captions_{length}.json'
    task = Task(
        source=str(folder / 'images'),
        out=str(out),
        model=str(captioner),
        decoding=Decoding(LENGTHS[length], MAX_NEW_TOKENS),
        workers=0,
    )
    processes = Processes()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    run_task(task, LocalEngine(device, processes), processes)
    return out
