"""Statistics of pixels from their histograms: as exact as from the pixels, since histograms lose none of them.

A quantile is that of the inverted distribution function, `np.quantile(method="inverted_cdf")`: a value that
occurs, never one in between. So the median of an even number of pixels is the lower of the two in the middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantile(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The smallest value that at least this share of the pixels does not exceed.

    Args:
        counts: pixels of each value 0, 1, 2 …, int64 [C, bins]; at least one pixel each.
        share: in [0, 1]; 0 gives the least value, 1 the largest.

    Returns:
        int64 [C].
    """
    below = counts.cumsum(axis=1)
    # The index as numpy computes it, so that rounding of the product falls the same way.
    place = np.maximum(np.ceil(below[:, -1:] * np.float64(share) - 1), 0)
    found: NDArray[np.int64] = (below <= place).sum(axis=1)
    return found


def median_and_mad(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Median of the pixels, and median of their distances from it, int64 [C] each.

    Args:
        counts: pixels of each value 0, 1, 2 …, int64 [C, bins]; at least one pixel each.
    """
    median = quantile(counts, 0.5)
    distances = np.zeros_like(counts)
    for of_value, of_distance, middle in zip(counts, distances, median, strict=True):
        above, below = of_value[middle:], of_value[:middle][::-1]
        of_distance[: len(above)] += above
        of_distance[1 : len(below) + 1] += below
    return median, quantile(distances, 0.5)


def mapped_moments(
    counts: NDArray[np.int64], values: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (ddof 0) of a function of the pixels, float64 [C] each.

    Args:
        counts: pixels of each value 0, 1, 2 …, int64 [C, bins]; at least one pixel each.
        values: what the function makes of each value, [bins].
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = (shares * values).sum(axis=1)
    spread = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
    # Where all pixels are the same, rounding of the mean would leave a spread that is none.
    return mean, np.where((counts > 0).sum(axis=1) > 1, spread, 0.0)
