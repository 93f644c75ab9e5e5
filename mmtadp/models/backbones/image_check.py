"""Refuse images of another shape, or with NaN or infinity, without making a GPU wait."""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from mmtadp.utils.errors import RunError


def check_shape(images: Tensor) -> None:
    """Check that images have the shape (N, 3, H, W).

    Raises:
        RunError: If not.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise RunError(f'expected images of shape (N, 3, H, W), got {tuple(images.shape)}')


class FiniteCheck(threading.local):
    """Check that all values of images are finite.

    On a CPU at once. On a GPU reading the result would stop the process until all kernels of
    earlier steps have run, so it is copied in the background and read in the next call.
    """

    def __init__(self) -> None:
        self._pending: tuple[torch.cuda.Event, Tensor, list[str]] | None = None

    def __reduce__(self) -> tuple:
        return FiniteCheck, ()

    def __call__(self, images: Tensor, samples: Sequence[dict]) -> None:
        """Check images.

        Args:
            images (Tensor): (N, C, H, W).
            samples (Sequence[dict]): Their metainfo, or none, for the message.

        Raises:
            RunError: If these images, or on a GPU those of the call before, are not finite.
        """
        names = [sample['img_path'] for sample in samples if 'img_path' in sample]
        # One reduction: a NaN or infinity anywhere survives the sum.
        finite = images.detach().sum(dim=(1, 2, 3), dtype=torch.float32).isfinite()
        if images.device.type != 'cuda':
            _refuse(finite, names)
            return
        self.settle()
        if torch.cuda.is_current_stream_capturing():
            return
        result = torch.empty(len(finite), dtype=torch.bool, pin_memory=True)
        result.copy_(finite, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._pending = (event, result, names)

    def settle(self) -> None:
        """Read the result of the call before.

        Raises:
            RunError: If its images were not finite.
        """
        if self._pending is not None:
            (event, result, names), self._pending = self._pending, None
            event.synchronize()
            _refuse(result, names)


def _refuse(finite: Tensor, names: list[str]) -> None:
    if not finite.all():
        bad = [i for i, good in enumerate(finite.tolist()) if not good]
        files = [str(names[i]) for i in bad if i < len(names)]
        raise RunError(
            f'image(s) {bad} of the batch hold NaN or infinity{_named(files)}. Check the image '
            "files and the data_preprocessor's mean and std (127.5 each maps [0, 255] to [-1, 1])."
        )


def _named(files: list[str]) -> str:
    return f' ({", ".join(files)})' if files else ''
