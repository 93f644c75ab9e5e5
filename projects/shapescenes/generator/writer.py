"""Write ShapeScenes to disk, in folders that stock datasets read."""

import json
import multiprocessing
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from mmengine.utils import ProgressBar

from mmtadp.utils.atomic_files import write_bytes, write_text

from .captions import scene_captions
from .domains import DOMAINS
from .png import encode_png
from .render import MIN_SIZE, render_scene, visible_boxes
from .scene import SETTINGS, sample_scene
from .shapes import OBJECT_CLASSES

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other bytes than before."""

SPLITS = ('training', 'validation')
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
    """Write the dataset, or what is missing of it.

    The layout is ADE20K's, once per domain::

        root/day/images/{training,validation}/training_000000.png     uint8 RGB
        root/day/annotations/{training,validation}/…                  uint8 class, 0 = background
        root/day/depth/{training,validation}/…                        uint16 millimetres
        root/day/captions.json                {stem: {"captions": [long, short], "class_label"}}
        root/day/instances_{training,validation}.json                 COCO boxes
        root/day/shapescenes.json                                     the request, and whether done

    Every domain shows the same scenes, so all files but the images are equal.
    ``class_label`` is the index of the scene's setting. Each file appears
    whole or not at all; a call after an interruption continues, and a call for
    a complete set returns at once.

    Args:
        root (str | PathLike): Folder to write to.
        domains (Sequence[str]): Looks to render, keys of ``DOMAINS``.
        num_training (int): Scenes of the training split.
        num_validation (int): Scenes of the validation split.
        size (int): Height and width of the images in pixels.
        seed (int): The same seed gives the same bytes. Scenes of the two
            splits and of two seeds are different.
        workers (int): Processes; 0 renders in this one.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If a domain's folder holds something else: another
            request's set, or files that are not ShapeScenes.
    """
    _check_arguments(domains, num_training, num_validation, size, seed, workers)
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
        raise ValueError(f'domains is {list(domains)}; expected some of {sorted(DOMAINS)}')
    limits = {
        'num_training': (num_training, 1),
        'num_validation': (num_validation, 1),
        'size': (size, MIN_SIZE),
        'seed': (seed, 0),
        'workers': (workers, 0),
    }
    for name, (value, least) in limits.items():
        if value < least:
            raise ValueError(f'{name} is {value}; expected at least {least}')


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
    _write_json(folder / MANIFEST, {**request, 'complete': False})

    partial = folder / _PARTIAL_RECORDS
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
    with partial.open('a', encoding='utf-8') as file:
        for job, record in zip(todo, _run(todo, workers)):
            records[job.stem] = record
            file.write(json.dumps([job.stem, record]) + '\n')
            file.flush()
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
    partial.unlink()
    _write_json(folder / MANIFEST, {**request, 'complete': True})


def _check_manifest(folder: Path, request: dict) -> bool:
    """Whether ``folder`` holds this request's set, complete; an error if it holds another's."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    path = folder / MANIFEST
    if not path.exists():
        raise FileExistsError(
            f'{folder} holds files but no {MANIFEST}, so they are not ShapeScenes; '
            'choose another folder'
        )
    found = json.loads(path.read_text(encoding='utf-8'))
    different = [
        f'{key} is {found.get(key)!r}, asked for {value!r}'
        for key, value in request.items()
        if found.get(key) != value
    ]
    if different:
        raise FileExistsError(
            f'{folder} holds another ShapeScenes set ({"; ".join(different)}); '
            'choose another folder, or delete this one'
        )
    return bool(found['complete'])


def _is_whole(folder: Path, request: dict) -> bool:
    """Whether the number of files of every kind is right."""
    return all(
        (folder / kind / split).is_dir()
        and sum(1 for _ in (folder / kind / split).glob('*.png')) == request[split]
        for kind in _FOLDERS
        for split in SPLITS
    )


def _read_partial(path: Path) -> dict[str, dict]:
    """Records of an interrupted run."""
    if not path.exists():
        return {}
    *whole, cut = path.read_text(encoding='utf-8').split('\n')
    if cut:
        # The interruption fell into a line: drop it, its scene is drawn again.
        write_text(path, ''.join(f'{line}\n' for line in whole))
    return dict(json.loads(line) for line in whole)


def _run(jobs: list[_Job], workers: int) -> Iterator[dict]:
    # Not forked: OpenMP and OpenCV threads do not survive a fork.
    context = multiprocessing.get_context('spawn')
    with context.Pool(workers) if workers and jobs else nullcontext() as pool:
        yield from pool.imap(_write_scene, jobs, chunksize=8) if pool else map(_write_scene, jobs)


def _write_scene(job: _Job) -> dict:
    """Write one scene's pictures and return what the set's JSON files say about it."""
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
