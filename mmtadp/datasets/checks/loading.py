"""Read an image, mask or depth map as the loading transforms of a pipeline do.

Files are read here rather than by the transforms, because these narrow labels to 8 bits and do not
name the file that they cannot read.
"""

import io
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.dataset import Compose
from PIL import Image

from mmtadp.utils.file_kinds import describe_text
from mmtadp.utils.image_files import check_kind

from .report import STOP, Finding

ORIENTATION = 0x0112  # the tag of EXIF
# What a viewer does to the stored pixels, by orientation.
TURNS = {
    2: 'mirrored',
    3: 'turned by 180 degrees',
    4: 'mirrored upside down',
    5: 'mirrored and turned by 90 degrees',
    6: 'turned by 90 degrees',
    7: 'mirrored and turned by 90 degrees',
    8: 'turned by 90 degrees',
}


class Loaders(NamedTuple):
    """The loading transforms of a pipeline; None where it has none of a kind.

    Attributes:
        image (BaseTransform, optional): Such as mmcv's ``LoadImageFromFile``.
        mask (BaseTransform, optional): mmseg's ``LoadAnnotations``.
        depth (BaseTransform, optional): mmseg's ``LoadDepthAnnotation``.
        boxes (BaseTransform, optional): mmdet's ``LoadAnnotations`` with boxes.
    """

    image: BaseTransform | None
    mask: BaseTransform | None
    depth: BaseTransform | None
    boxes: BaseTransform | None

    @property
    def truth(self) -> str:
        """str: What they load next to images: 'masks', 'depth', 'boxes' or nothing."""
        found = dict(masks=self.mask, depth=self.depth, boxes=self.boxes)
        return next((name for name, loader in found.items() if loader is not None), '')


class LoadedImage(NamedTuple):
    """An image as the network sees it before the augmentations.

    Attributes:
        pixels (np.ndarray): (H, W, 3), BGR, uint8, or as the loader returns them.
        stored (tuple[int, int]): Height and width of the pixels as stored, without EXIF.
        mode (str): Format and mode of the file, such as 'JPEG RGB'.
        orientation (int): EXIF orientation, 1 if there is none.
        turned (bool): Whether the loader follows the orientation.
    """

    pixels: np.ndarray
    stored: tuple[int, int]
    mode: str
    orientation: int
    turned: bool

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int, int]: Height and width as loaded."""
        return self.pixels.shape[:2]


def pipeline_transforms(part: Any) -> Iterator[BaseTransform]:
    """Yield the transforms of a pipeline in order, inner ones after the one that holds them.

    Args:
        part (Compose | Sequence | BaseTransform): A pipeline, a list of transforms, or a transform
            that holds others, such as ``TestTimeAug`` or ``RandomChoice``.
    """
    if isinstance(part, list | tuple):
        for item in part:
            yield from pipeline_transforms(item)
    elif isinstance(part, dict):
        yield from pipeline_transforms(list(part.values()))
    elif isinstance(part, Compose):
        yield from pipeline_transforms(part.transforms)
    # Transforms that mix images need not be of mmcv's class for MultiImageMixDataset.
    elif isinstance(part, BaseTransform) or hasattr(part, 'get_indexes'):
        yield part
        yield from pipeline_transforms(list(vars(part).values()))


def find_loaders(pipeline: Any) -> Loaders:
    """Return the loading transforms of a pipeline; see :func:`pipeline_transforms`."""
    found: dict[str, BaseTransform] = {}
    for transform in pipeline_transforms(pipeline):
        name = type(transform).__name__
        if name == 'LoadAnnotations':
            # mmseg's and mmdet's have the same name; mmseg's knows no boxes.
            kind = 'boxes' if getattr(transform, 'with_bbox', False) else 'mask'
        elif name == 'LoadDepthAnnotation':
            kind = 'depth'
        elif name.startswith('Load') and 'Image' in name:
            kind = 'image'
        else:
            continue
        found.setdefault(kind, transform)
    return Loaders(*(found.get(kind) for kind in Loaders._fields))


def exif_orientation(content: bytes) -> int:
    """Return the EXIF orientation of an image file's bytes, 1 if it has none."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises many types; what cannot be read is reported elsewhere.
        return 1


def load_image(info: dict, loader: BaseTransform | None) -> LoadedImage:
    """Load an image as the pipeline does.

    Args:
        info (dict): The dataset's entry of the image, with ``img_path``.
        loader (BaseTransform, optional): The loading transform; None for mmcv's defaults.

    Raises:
        Exception: Any, of the file system or the decoder.
    """
    if loader is not None and type(loader).__name__ != 'LoadImageFromFile':
        pixels = loader.transform(dict(info))['img']
        return LoadedImage(pixels, pixels.shape[:2], type(loader).__name__, 1, False)
    path = info['img_path']
    content = fileio.get(path, backend_args=getattr(loader, 'backend_args', None))
    with Image.open(io.BytesIO(content)) as header:
        width, height = header.size
        mode = f'{header.format} {header.mode}'
        orientation = header.getexif().get(ORIENTATION, 1)
    flag = getattr(loader, 'color_type', 'color')
    backend = getattr(loader, 'imdecode_backend', 'cv2')
    pixels = mmcv.imfrombytes(content, flag=flag, backend=backend)
    if pixels is None:
        raise ValueError(f'{backend} cannot decode it')
    turned = False
    if orientation in TURNS and f'{flag}_ignore_orientation' in mmcv.image.io.imread_flags:
        # Not all decoders follow the orientation in all formats: compare.
        plain = mmcv.imfrombytes(content, flag=f'{flag}_ignore_orientation', backend=backend)
        turned = not np.array_equal(plain, pixels)
        if not turned and (pixels == pixels[0, 0]).all():
            turned = mode.split()[0] in ('JPEG', 'PNG', 'TIFF')  # one colour shows nothing
    return LoadedImage(pixels, (height, width), mode, orientation, turned)


def load_mask(path: str, loader: BaseTransform) -> tuple[np.ndarray, str]:
    """Load a mask with the loader's decoder, before its labels are narrowed to 8 bits.

    Args:
        path (str): The file.
        loader (BaseTransform): mmseg's ``LoadAnnotations``.

    Returns:
        tuple[np.ndarray, str]: The values, (H, W) or (H, W, channels), and the file's format.

    Raises:
        Exception: Any, of the file system or the decoder.
    """
    content = fileio.get(path, backend_args=loader.backend_args)
    backend = loader.imdecode_backend
    values = mmcv.imfrombytes(content, flag='unchanged', backend=backend)
    if values is None:
        raise ValueError(f'{backend} cannot decode it')
    try:
        with Image.open(io.BytesIO(content)) as header:
            kind = header.format
    except Exception:  # a format that only the loader's backend reads
        kind = ''
    return values.squeeze(), kind


def load_depth(path: str, loader: BaseTransform) -> np.ndarray:
    """Load a depth map with the loader's decoder, before it is scaled.

    Args:
        path (str): The file.
        loader (BaseTransform): mmseg's ``LoadDepthAnnotation``.

    Returns:
        np.ndarray: The values, (H, W) or (H, W, channels).

    Raises:
        Exception: Any, of the file system or the decoder.
    """
    from mmseg.utils import datafrombytes

    if loader.decode_backend == 'pickle':
        raise ValueError("a pickle is not read here, because it runs code: save '.npy' files")
    content = fileio.get(path, backend_args=loader.backend_args)
    values = datafrombytes(content, backend=loader.decode_backend)
    if values is None:
        raise ValueError(f'{loader.decode_backend} cannot decode it')
    return values


def read(path: str, load: Callable[[], Any], findings: list[Finding]) -> Any:
    """Return what ``load`` returns; None, and a finding that names the file, if it fails.

    Args:
        path (str): The file that is read.
        load (Callable): Reads it.
        findings (list[Finding]): Changed in place.
    """
    try:
        if os.path.exists(path):  # else an address, or a file that does not exist
            check_kind(path)
        return load()
    except FileNotFoundError:
        findings.append(Finding(STOP, 'missing', path, 'does not exist.'))
    # Decoders raise errors of many types.
    except Exception as error:
        findings.append(Finding(STOP, 'unreadable', path, f'{_reason(error, path)}.'))
    return None


def _reason(error: Exception, path: str) -> str:
    if os.path.isfile(path):
        size = os.path.getsize(path)
        if not size:
            return 'cannot be read: it has 0 bytes'
        with open(path, 'rb') as file:
            text = describe_text(file.read(1000), size)
        if text is not None:
            return f'{text.what.replace("not weights", "not an image")}. {text.remedy}'
    lines = str(error).replace(repr(path), 'it').strip().splitlines()
    return f'cannot be read: {(lines or [type(error).__name__])[0].rstrip(".")}'
