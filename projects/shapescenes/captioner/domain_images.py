"""The captioner's training and test data: other scenes in each domain."""

from pathlib import Path

import numpy as np

from projects.shapescenes.generator import DOMAINS, Scene, render_scene
from projects.shapescenes.tinysd import pretraining_scenes as pretraining

# More scenes than a domain has, and so few that no domain reaches the held-out scenes.
_DOMAIN_STRIDE = 1_000_000


class DomainImages(pretraining.SceneImages):
    """Images of scenes in one domain; no two domains share a scene.

    The scenes are TinySD's pretraining scenes, which no ShapeScenes dataset holds.

    Args:
        folder (Path): Folder of the image files.
        domain (str): The domain.
        count (int): Number of images.
        size (int): Height and width in pixels.
        workers (int): Processes that render; 0 renders in the calling process.
    """

    def __init__(self, folder: Path, domain: str, count: int, size: int, workers: int = 0) -> None:
        self.domain = domain
        super().__init__(folder / domain, count, size, workers, self._draw_in_domain)

    def scene(self, index: int) -> Scene:
        """Return the scene of an image."""
        return pretraining.pretraining_scene(self._number(index))

    def _number(self, index: int) -> int:
        return list(DOMAINS).index(self.domain) * _DOMAIN_STRIDE + index

    def _draw_in_domain(self, index: int, size: int) -> np.ndarray:
        return draw(self.scene(index), self.domain, size)


def draw(scene: Scene, domain: str, size: int) -> np.ndarray:
    """Render a scene in a domain, (size, size, 3) uint8 RGB."""
    return render_scene(scene, size, domain).image


def held_out_scene(index: int) -> Scene:
    """Return a scene that neither the captioner nor TinySD is trained on."""
    return pretraining.pretraining_scene(pretraining.HELD_OUT + index)
