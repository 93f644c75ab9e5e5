"""How right captions are: precision and recall of the class names in them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmtadp.captioning import Captioner, Decoding
from projects.shapescenes.generator import DOMAINS, OBJECT_CLASSES, Scene, scene_captions

from .model import IMAGE_SIZE
from .scenes import draw, held_out_scene
from .wording import LONG_MIN_NEW_TOKENS, MAX_NEW_TOKENS

LENGTHS = {'long': LONG_MIN_NEW_TOKENS, 'short': 0}
"""``min_new_tokens`` by length, in the order of :func:`scene_captions`."""

_BATCH_SIZE = 50
_RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """A share, and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f'{self.value:.3f} ± {self.error:.3f}'


@dataclass(frozen=True)
class NameScores:
    """Precision and recall of the classes that captions name.

    Attributes:
        precision (Score): Share of the classes named that are in the scene.
        recall (Score): Share of the classes in the scene that are named.
        words (float): Words of a caption, on average.
    """

    precision: Score
    recall: Score
    words: float


def score_captions(captions: Sequence[str], scenes: Sequence[Scene]) -> NameScores:
    """Scores captions against what is in the scenes.

    A class counts once per scene. Shares are of all classes of all scenes; their standard errors
    come from drawing the scenes anew 1,000 times.

    Args:
        captions (Sequence[str]): One for each scene.
        scenes (Sequence[Scene]): The scenes.
    """
    named = [_words(caption) & set(OBJECT_CLASSES) for caption in captions]
    present = [{obj.name for obj in scene.objects} for scene in scenes]
    right = np.array([len(a & b) for a, b in zip(named, present, strict=True)])
    draws = np.random.RandomState(0).randint(len(scenes), size=(_RESAMPLES, len(scenes)))
    precision, recall = (
        _share(right, np.array([len(names) for names in of]), draws) for of in (named, present)
    )
    words = np.mean([len(caption.split()) for caption in captions])
    return NameScores(precision, recall, float(words))


def _words(caption: str) -> set[str]:
    return set(caption.replace(',', ' ').split())


def _share(part: np.ndarray, whole: np.ndarray, draws: np.ndarray) -> Score:
    resampled = part[draws].sum(axis=1) / np.maximum(whole[draws].sum(axis=1), 1)
    return Score(float(part.sum() / max(whole.sum(), 1)), float(resampled.std()))


def true_scores(count: int) -> dict[str, NameScores]:
    """Scores of the captions that come from the scenes: the most that a captioner can have.

    Args:
        count (int): Held-out scenes.

    Returns:
        dict[str, NameScores]: By length.
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
    """Scores of a captioner, which sees the pictures alone.

    Args:
        folder (str | Path): As ``tools/captions/generate.py --model`` takes it.
        count (int): Held-out scenes; the same in each domain.
        domains (Iterable[str]): Domains of ShapeScenes.
        device (str): Where to run.
        progress (Callable): Wraps the loop over batches.

    Returns:
        dict[str, dict[str, NameScores]]: By domain and length.

    Raises:
        RunError: If it cannot be loaded.
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
