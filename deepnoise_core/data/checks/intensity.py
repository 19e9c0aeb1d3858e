"""Images without any contrast, and images at the top of their scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.checks.measures import Measures

LARGEST_SATURATED_SHARE = 0.05
"""Share of the pixels of an image that may have the largest intensity.

The brightest of 48 real RxRx1 images at hand has 2.2 %; of simulated images (preset demo) 0.2 % have more."""

_CAMERA_BITS = (8, 10, 12, 14, 16)


def constant_planes(measures: Measures) -> NDArray[np.bool_]:
    """Which planes were read and have one intensity alone, bool [N, C]."""
    same: NDArray[np.bool_] = (measures.lowest >= 0) & ~measures.textured
    return same


def saturated_planes(measures: Measures, bits: int) -> NDArray[np.bool_]:
    """Which planes have more than `LARGEST_SATURATED_SHARE` of their pixels at the top of the scale, bool [N, C].

    The top is that of a camera of 8, 10, 12, 14 or 16 bits: the first that no pixel of the screen exceeds.

    Args:
        measures: of N sites.
        bits: of the type that images are stored in.
    """
    brightest = int(measures.highest.max(initial=0))
    top = next(2**depth - 1 for depth in _CAMERA_BITS if brightest < 2**depth and (depth > 8 or bits == 8))
    saturated: NDArray[np.bool_] = (measures.highest == top) & (measures.at_highest > LARGEST_SATURATED_SHARE)
    return saturated & measures.textured
