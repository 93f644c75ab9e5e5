"""Compact summaries of feature maps, small enough to keep beside the tests as golden values."""

import numpy as np
from torch import Tensor


def summarize(feature: Tensor) -> dict[str, np.ndarray]:
    """Statistics and slices of one feature map (N, C, H, W) that together pin it down.

    Returns:
        ``shape``; ``absmax`` (scalar); ``channel_mean`` and ``channel_std`` over all positions,
        each (N, C), which fix the channels' order; ``position_mean`` over all channels, (N, H, W),
        which fixes the layout in space; ``patch``, the top-left 4x4 corner of every third channel.
    """
    values = feature.detach().double().cpu().numpy()
    summary = dict(
        absmax=np.abs(values).max(),
        channel_mean=values.mean((2, 3)),
        channel_std=values.std((2, 3)),
        position_mean=values.mean(1),
        patch=values[:, ::3, :4, :4],
    )
    summary = {name: np.float32(value) for name, value in summary.items()}
    return dict(shape=np.array(values.shape), **summary)
