"""Evaluate captions: precision and recall of their class names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmtadp.captioning import Captioner, Decoding
from projects.shapescenes.generator import DOMAINS, OBJECT_CLASSES, Scene, scene_captions

from .domain_images import draw, held_out_scene
from .model import IMAGE_SIZE
from .wording import LONG_MIN_NEW_TOKENS, MAX_NEW_TOKENS

LENGTHS = {'long': LONG_MIN_NEW_TOKENS, 'short': 0}
"""``min_new_tokens`` by length, in the order of :func:`scene_captions`."""

_BATCH_SIZE = 50
_RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """A share and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f'{self.value:.3f} ± {self.error:.3f}'


@dataclass(frozen=True)
class NameScores:
    """Precision and recall of the class names in captions.

    Attributes:
        precision (Score): Share of the named classes that are in the scene.
        recall (Score): Share of the classes in the scene that are named.
        words (float): Mean number of words of a caption.
    """

    precision: Score
    recall: Score
    words: float


def score_captions(captions: Sequence[str], scenes: Sequence[Scene]) -> NameScores:
    """Compare the class names in captions with the classes in the scenes.

    A class counts once per scene. Shares are over all classes of all scenes; their standard errors
    are bootstrap estimates from 1,000 resamples of the scenes.

    Args:
        captions (Sequence[str]): One for each scene.
        scenes (Sequence[Scene]): The scenes.
    """
    named = [_words(caption) & set(OBJECT_CLASSES) for caption in captions]
    present = [{obj.name for obj in scene.objects} for scene in scenes]
    right = np.array([len(a & b) for a, b in zip(named, present, strict=True)])
    resamples = np.random.RandomState(0).randint(len(scenes), size=(_RESAMPLES, len(scenes)))
    precision, recall = (
        _share(right, np.array([len(names) for names in of]), resamples) for of in (named, present)
    )
    words = np.mean([len(caption.split()) for caption in captions])
    return NameScores(precision, recall, float(words))


def _words(caption: str) -> set[str]:
    return set(caption.replace(',', ' ').split())


def _share(part: np.ndarray, whole: np.ndarray, resamples: np.ndarray) -> Score:
    resampled = part[resamples].sum(axis=1) / np.maximum(whole[resamples].sum(axis=1), 1)
    return Score(float(part.sum() / max(whole.sum(), 1)), float(resampled.std()))


def true_scores(count: int) -> dict[str, NameScores]:
    """Return the scores of captions written from the scenes, an upper bound for a captioner.

    Args:
        count (int): Number of held-out scenes.

    Returns:
        dict[str, NameScores]: Scores by length.
    """
    scenes = [held_out_scene(index) for index in range(count)]
    captions = zip(*map(scene_captions, scenes))
    return {length: score_captions(texts, scenes) for length, texts in zip(LENGTHS, captions)}


def captioner_scores(
    folder: str | Path,
    count: int = 400,
    domains: Iterable[str] = tuple(DOMAINS),
    device: str = 'cpu',
    progress: Callable = iter,
) -> dict[str, dict[str, NameScores]]:
    """Evaluate a captioner on images of held-out scenes.

    Args:
        folder (str | Path): Folder of the captioner.
        count (int): Number of held-out scenes; all domains show the same.
        domains (Iterable[str]): Domains of ShapeScenes.
        device (str): Device of the model.
        progress (Callable): Wraps the loop over batches.

    Returns:
        dict[str, dict[str, NameScores]]: Scores by domain and length.

    Raises:
        RunError: If the captioner cannot be loaded.
    """
    captioner = Captioner.load(str(folder), device=device)
    scenes = [held_out_scene(index) for index in range(count)]
    captions: dict[tuple[str, str], list[str]] = {}
    batches = [(name, start) for name in domains for start in range(0, count, _BATCH_SIZE)]
    for domain, start in progress(batches):
        images = [
            captioner.inputs.prepare(Image.fromarray(draw(scene, domain, IMAGE_SIZE)))
            for scene in scenes[start : start + _BATCH_SIZE]
        ]
        for length, least in LENGTHS.items():
            texts = captioner.caption(images, Decoding(least, MAX_NEW_TOKENS))
            captions.setdefault((domain, length), []).extend(texts)
    return {
        domain: {length: score_captions(captions[domain, length], scenes) for length in LENGTHS}
        for domain in domains
    }
