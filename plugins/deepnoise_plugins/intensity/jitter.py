"""Statistic jitter, as in DeepNoise (arXiv 2209.05772)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.randomness import uniforms


def jittered(
    centre: NDArray[np.float64], spread: NDArray[np.float64], keys: NDArray[np.uint64] | None, amount: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and spread [B, C], each times 1 + U(−amount, amount), drawn anew for every image and channel.

    Without keys (evaluation) or amount both come back unchanged.
    """
    if keys is None or amount == 0:
        return centre, spread
    channels = centre.shape[1]
    draws = 1.0 + amount * (2.0 * uniforms(keys, 2 * channels) - 1.0)
    return centre * draws[:, :channels], spread * draws[:, channels:]
