"""Images of the target domain, drawn in an order that depends on the seed alone."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mmtadp.models.diffusion.denoising import to_tensor
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import UnusableImageError, open_rgb
from mmtadp.utils.image_sources import find_images

_KEPT = 64  # resized images: a personalisation has five to some hundreds


class ImagePool:
    """Square crops of the images of a folder.

    Args:
        source (str): A folder, a list or a glob; see :func:`mmtadp.captioning.find_images`.
        resolution (int): Height and width of a crop: the image's shorter side is scaled to it.
        random_crop (bool): Whether the crop is drawn, or the middle.
        flip (float): Probability of a mirror image.
        seed (int): Seed of all draws.

    Raises:
        RunError: If there are no images, or one cannot be read.
    """

    def __init__(
        self, source: str, resolution: int, random_crop: bool, flip: float, seed: int
    ) -> None:
        self.paths = [Path(image.path) for image in find_images(source)]
        self.resolution, self.random_crop = resolution, random_crop
        self.flip, self.seed = flip, seed
        self._resized = functools.lru_cache(_KEPT)(self._load)
        for path in self.paths:
            self._check(path)

    def __len__(self) -> int:
        return len(self.paths)

    def digest(self) -> str:
        """Return a digest of names and contents."""
        found = hashlib.sha256()
        for path in self.paths:
            found.update(path.name.encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()[:16]

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Return the draws of these numbers, (N, 3, resolution, resolution) in [-1, 1].

        Every len(self) draws show each image once.
        """
        return torch.stack([self._draw(number) for number in numbers])

    def _draw(self, number: int) -> Tensor:
        epoch, position = divmod(number, len(self))
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self))
        image = self._resized(self.paths[order[position]])
        rng = np.random.default_rng([self.seed, 1, number])
        slack = np.array(image.size) - self.resolution
        left, top = rng.integers(0, slack + 1) if self.random_crop else slack // 2
        image = image.crop((left, top, left + self.resolution, top + self.resolution))
        if rng.random() < self.flip:
            image = ImageOps.mirror(image)
        return to_tensor(image)

    def _load(self, path: Path) -> Image.Image:
        image = open_rgb(str(path))
        scale = self.resolution / min(image.size)
        # Of a long side rounding must not leave less than the crop.
        size = [max(self.resolution, round(scale * side)) for side in image.size]
        return image.resize(size, Image.Resampling.LANCZOS)

    def _check(self, path: Path) -> None:
        try:
            open_rgb(str(path))
        except UnusableImageError as error:
            raise RunError(
                f'{path} cannot be used: {error}. Repair it or move it out of the folder.'
            ) from None


def grid(images: Sequence[Image.Image], columns: int) -> Image.Image:
    """Arrange images of one size in rows."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    sheet = Image.new('RGB', (columns * width, rows * height))
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * width, index // columns * height))
    return sheet
