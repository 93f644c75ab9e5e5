"""Prepare the data of the configs: scenes, TinySD, and captions by the captioner."""

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
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderLock
from projects.shapescenes.captioner.name_scores import LENGTHS
from projects.shapescenes.captioner.wording import MAX_NEW_TOKENS
from projects.shapescenes.generator import write_dataset

from .networks import write_untrained_unet

WEIGHTS = Path(__file__).parents[1] / 'weights'
"""Folder of the shipped weights."""

SHIPPED = {'tinysd': WEIGHTS / 'diffusion', 'captioner': WEIGHTS / 'captioner'}
"""Shipped models by the name of their copy in the data folder."""

CAPTIONS = (*LENGTHS, 'nouns', 'clean')
"""Kinds of caption files: two by the captioner, and two derived from its long captions."""


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
    """Write scenes, models and caption files, unless they exist.

    The layout is that of :func:`~projects.shapescenes.generator.write_dataset`, and::

        root/tinysd/                      diffusers folder of the pretrained model
        root/untrained/unet/              TinySD's U-Net, untrained
        root/captioner/                   the model that writes the captions
        root/day/captions_long.json       {"validation/validation_000000.png": {"captions": […]}}
        root/day/captions_short.json      short ones
        root/day/captions_nouns.json      the nouns of the long ones
        root/night/captions_clean.json    the long ones without mentions of the domain

    All these captions are written from the images alone, ``root/day/captions.json`` from the
    scenes. Nouns and cleaning need NLTK's tagger.

    Args:
        root (str | PathLike): Data folder.
        domains (Sequence[str]): Domains to render and to caption.
        num_training (int): Scenes of the training split.
        num_validation (int): Scenes of the validation split.
        size (int): Height and width of the images in pixels.
        seed (int): Seed of the scenes.
        workers (int): Processes that render; 0 renders in the calling process.
        captions (Sequence[str]): Kinds of caption files, some of :data:`CAPTIONS`.

    Raises:
        RunError: If an argument is out of range, another process prepares the folder, or a
            caption file of another captioner exists.
        FileExistsError: If ``root`` holds other scenes or other weights.
        TaggerDataError: If NLTK's tagger is needed and its data are missing.
    """
    unknown = [kind for kind in captions if kind not in CAPTIONS]
    if unknown:
        raise RunError(f'captions is {list(captions)}; expected some of {list(CAPTIONS)}')
    root = Path(root)
    with FolderLock(root):
        write_dataset(root, domains, num_training, num_validation, size, seed, workers)
        write_untrained_unet(root / 'untrained' / 'unet')
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
        # The day is not a style: its captions stay as they are.
        style = None if domain == 'day' else domain
        settings = dict(cleaned='offline', style=style)
        change = OfflineCleaner(Vocabulary.load(style)) if style else str
    else:
        return
    out = str(root / domain / f'captions_{kind}.json')
    # Derived on each call, which takes a second, so that it never disagrees with its source.
    derive_file(str(source), out, settings, change, overwrite=True)


def _nouns(caption: str) -> str:
    return ' '.join(find_nouns(caption))


def copy_shipped(name: str, folder: Path) -> None:
    """Copy shipped weights, unless the copy exists.

    Args:
        name (str): Key of :data:`SHIPPED`.
        folder (Path): Destination. It appears whole or not at all.

    Raises:
        FileExistsError: If ``folder`` holds other files.
    """
    source = SHIPPED[name]
    if not folder.exists():
        write_folder(folder, lambda new: shutil.copytree(source, new))
        return
    files = [
        str(path.relative_to(source))
        for path in source.rglob('*')
        # The card and its images can change without the weights.
        if path.is_file() and path.suffix not in ('.md', '.png')
    ]
    different = [*filecmp.cmpfiles(source, folder, files, shallow=False)[1:]]
    if any(different):
        raise FileExistsError(
            f'{folder} is not the {name} of this version of mmtadp: '
            f'{sorted(sum(different, []))[0]} differs. Delete the folder and the files that were '
            'made with it, or choose another folder.'
        )


def caption_images(folder: Path, length: str, captioner: Path) -> Path:
    """Write the caption file of a domain, or add missing captions.

    Args:
        folder (Path): Folder of the domain, with ``images/``.
        length (str): ``long`` or ``short``.
        captioner (Path): Folder of the captioner.

    Returns:
        Path: The caption file, ``folder/captions_LENGTH.json``.

    Raises:
        RunError: If another captioner wrote the file.
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
