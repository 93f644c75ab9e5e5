"""Write ShapeScenes to disk, in folders that stock datasets read."""

import io
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.utils import ProgressBar
from PIL import Image

from mmtadp.utils.atomic_files import (
    read_json,
    remove_leftovers,
    write_bytes,
    write_text,
)
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderLock
from mmtadp.utils.json_lines import JsonLines

from .captions import scene_captions
from .domains import DOMAINS
from .render import MIN_SIZE, render_scene, visible_boxes
from .scene import SETTINGS, sample_scene
from .shapes import OBJECT_CLASSES

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other pixels, captions or boxes than before."""

SPLITS = ('training', 'validation')
MAX_SCENES = 1_000_000
MANIFEST = 'shapescenes.json'
_PARTIAL_RECORDS = 'records.partial.jsonl'
_FOLDERS = ('images', 'annotations', 'depth')


class _Job(NamedTuple):
    folder: Path
    domain: str
    split: str
    index: int
    size: int
    seed: int

    @property
    def stem(self) -> str:
        return f'{self.split}_{self.index:06d}'

    def path(self, kind: str) -> Path:
        return self.folder / kind / self.split / f'{self.stem}.png'


def write_dataset(
    root: str | os.PathLike,
    domains: Sequence[str] = ('day',),
    num_training: int = 1000,
    num_validation: int = 200,
    size: int = 128,
    seed: int = 0,
    workers: int = 0,
) -> None:
    """Write the dataset, or its missing parts.

    The layout is ADE20K's, once per domain::

        root/day/images/{training,validation}/training_000000.png     uint8 RGB
        root/day/annotations/{training,validation}/…                  uint8 class, 0 = background
        root/day/depth/{training,validation}/…                        uint16 millimetres
        root/day/captions.json                {stem: {"captions": [long, short], "class_label"}}
        root/day/instances_{training,validation}.json                 COCO boxes
        root/day/shapescenes.json                                     the request, and whether done

    All domains show the same scenes, so all files but the images are equal. ``class_label`` is
    the index of the scene's setting. Each file appears whole or not at all. A call after an
    interruption continues, and a call for a complete dataset returns at once.

    Args:
        root (str | PathLike): Folder to write to.
        domains (Sequence[str]): Domains to render, keys of ``DOMAINS``.
        num_training (int): Scenes of the training split.
        num_validation (int): Scenes of the validation split.
        size (int): Height and width of the images in pixels.
        seed (int): The same seed gives the same pixels, captions and boxes on any machine. The two
            splits, and any two seeds, have different scenes.
        workers (int): Processes that render; 0 renders in the calling process.

    Raises:
        RunError: If an argument is out of range, another process writes to ``root``, or a file of
            an interrupted call is damaged.
        FileExistsError: If a domain's folder holds another dataset: ShapeScenes with other
            arguments, or files that are not ShapeScenes.
    """
    _check_arguments(domains, num_training, num_validation, size, seed, workers)
    with FolderLock(root):
        for domain in domains:
            request = {
                'generator_version': GENERATOR_VERSION,
                'domain': domain,
                'training': num_training,
                'validation': num_validation,
                'size': size,
                'seed': seed,
            }
            _write_domain(Path(root) / domain, request, workers)


def _check_arguments(domains, num_training, num_validation, size, seed, workers) -> None:
    unknown = [d for d in domains if d not in DOMAINS]
    if unknown or not domains:
        raise RunError(f'domains is {list(domains)}; expected some of {sorted(DOMAINS)}')
    limits = {
        'num_training': (num_training, 1),
        'num_validation': (num_validation, 1),
        'size': (size, MIN_SIZE),
        'seed': (seed, 0),
        'workers': (workers, 0),
    }
    for name, (value, least) in limits.items():
        if value < least:
            raise RunError(f'{name} is {value}; expected at least {least}')
    # Names of scenes have six digits.
    if max(num_training, num_validation) > MAX_SCENES:
        raise RunError(
            f'{num_training} training and {num_validation} validation scenes were asked for; '
            f'expected at most {MAX_SCENES} of each'
        )


def _write_domain(folder: Path, request: dict, workers: int) -> None:
    jobs = [
        _Job(folder, request['domain'], split, index, request['size'], request['seed'])
        for split in SPLITS
        for index in range(request[split])
    ]
    if _check_manifest(folder, request) and _is_whole(folder, request):
        return
    for kind in _FOLDERS:
        for split in SPLITS:
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder / kind / split)
    remove_leftovers(folder)
    _write_json(folder / MANIFEST, {**request, 'complete': False})

    partial = JsonLines(folder / _PARTIAL_RECORDS, sync=False)
    records = _read_partial(partial)
    todo = [
        job
        for job in jobs
        if job.stem not in records or not all(job.path(kind).exists() for kind in _FOLDERS)
    ]
    print(
        f'ShapeScenes: writing {len(todo)} of {len(jobs)} {request["domain"]} scenes to {folder}'
    )
    bar = ProgressBar(len(todo))
    for job, record in zip(todo, _run(todo, workers)):
        records[job.stem] = record
        partial.append({'stem': job.stem, **record})
        bar.update()
    print()

    captions = {
        job.stem: {key: records[job.stem][key] for key in ('captions', 'class_label')}
        for job in jobs
    }
    _write_json(folder / 'captions.json', captions)
    for split in SPLITS:
        rows = [(job, records[job.stem]) for job in jobs if job.split == split]
        _write_json(folder / f'instances_{split}.json', _coco(rows))
    partial.path.unlink(missing_ok=True)
    _write_json(folder / MANIFEST, {**request, 'complete': True})


def _check_manifest(folder: Path, request: dict) -> bool:
    """Return whether ``folder`` holds the requested dataset and it is complete.

    Raises:
        FileExistsError: If it holds another one.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return False
    path = folder / MANIFEST
    if not path.exists():
        raise FileExistsError(
            f'{folder} holds files but no {MANIFEST}, so it is not a ShapeScenes dataset; '
            'choose another folder'
        )
    found = read_json(path, 'Choose another folder, or delete this one.', {'complete': bool})
    different = [
        f'{key} is {found.get(key)!r}, asked for {value!r}'
        for key, value in request.items()
        if found.get(key) != value
    ]
    if different:
        raise FileExistsError(
            f'{folder} holds another ShapeScenes dataset ({"; ".join(different)}); '
            'choose another folder, or delete this one'
        )
    return bool(found['complete'])


def _is_whole(folder: Path, request: dict) -> bool:
    """Return whether each kind of file has the requested number of files."""
    return all(
        (folder / kind / split).is_dir()
        and sum(1 for _ in (folder / kind / split).glob('*.png')) == request[split]
        for kind in _FOLDERS
        for split in SPLITS
    )


def _read_partial(partial: JsonLines) -> dict[str, dict]:
    """Return the records of an interrupted run by stem."""
    entries = {'stem': str, 'captions': list, 'class_label': int, 'boxes': list}
    return {record.pop('stem'): record for record in partial.read(entries)}


def _run(jobs: list[_Job], workers: int) -> Iterator[dict]:
    # Not forked: OpenMP and OpenCV threads do not survive a fork.
    context = multiprocessing.get_context('spawn')
    with context.Pool(workers) if workers and jobs else nullcontext() as pool:
        yield from pool.imap(_write_scene, jobs, chunksize=8) if pool else map(_write_scene, jobs)


def _write_scene(job: _Job) -> dict:
    """Write a scene's image, mask and depth map; return its entry of the JSON files."""
    scene = sample_scene(job.seed, SPLITS.index(job.split), job.index)
    rendering = render_scene(scene, job.size, job.domain)
    write_bytes(job.path('images'), encode_png(rendering.image))
    write_bytes(job.path('annotations'), encode_png(rendering.mask))
    write_bytes(job.path('depth'), encode_png(rendering.depth))
    return {
        'captions': scene_captions(scene),
        'class_label': list(SETTINGS).index(scene.setting),
        'boxes': [
            [OBJECT_CLASSES.index(scene.objects[index].name) + 1, *box]
            for index, box in visible_boxes(rendering.instances).items()
        ],
    }


def _coco(rows: list[tuple[_Job, dict]]) -> dict:
    images, annotations = [], []
    for image_id, (job, record) in enumerate(rows, start=1):
        file_name = f'{job.stem}.png'
        images.append(
            {'id': image_id, 'file_name': file_name, 'height': job.size, 'width': job.size}
        )
        for category, x, y, width, height, area in record['boxes']:
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': image_id,
                    'category_id': category,
                    'bbox': [x, y, width, height],
                    'area': area,
                    'iscrowd': 0,
                }
            )
    categories = [{'id': i, 'name': name} for i, name in enumerate(OBJECT_CLASSES, start=1)]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def _write_json(path: Path, content: dict) -> None:
    write_text(path, json.dumps(content, indent=1) + '\n')


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode an image (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    return buffer.getvalue()
