"""What the captioner learns from and is tested on: scenes of their own for each domain."""

from pathlib import Path

import numpy as np

from projects.shapescenes.generator import DOMAINS, Scene, render_scene
from projects.shapescenes.tinysd import pretraining_scenes as pretraining

# More than one domain will have, and few enough that no domain reaches the held-out scenes.
_DOMAIN_STRIDE = 1_000_000


class DomainPictures(pretraining.ScenePictures):
    """Scenes in one domain, none of which another domain shows.

    They are TinySD's pretraining scenes, so no dataset of ShapeScenes shows them.

    Args:
        folder (Path): Where pictures are kept.
        domain (str): The domain.
        count (int): How many.
        size (int): Height and width in pixels.
        workers (int): Processes that draw; 0 draws in this one.
    """

    def __init__(self, folder: Path, domain: str, count: int, size: int, workers: int = 0) -> None:
        self.domain = domain
        super().__init__(folder / domain, count, size, workers, self._draw_in_domain)

    def scene(self, index: int) -> Scene:
        """What picture ``index`` shows."""
        return pretraining.pretraining_scene(self._number(index))

    def _number(self, index: int) -> int:
        return list(DOMAINS).index(self.domain) * _DOMAIN_STRIDE + index

    def _draw_in_domain(self, index: int, size: int) -> np.ndarray:
        return draw(self.scene(index), self.domain, size)


def draw(scene: Scene, domain: str, size: int) -> np.ndarray:
    """A scene in a domain, (size, size, 3) uint8 RGB."""
    return render_scene(scene, size, domain).image


def held_out_scene(index: int) -> Scene:
    """A scene that neither the captioner nor TinySD has learned from."""
    return pretraining.pretraining_scene(pretraining.HELD_OUT + index)
