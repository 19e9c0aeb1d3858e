"""Means and variances of groups of sites: exact integers until the one rounding at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import SiteStatistics


@dataclass(frozen=True)
class Moments:
    """Moments of G groups over all their pixels.

    Attributes:
        count: pixels a channel, int64 [G].
        mean: float64 [G, C]; NaN where a group is empty.
        variance: with divisor n, float64 [G, C]; NaN where a group is empty.
    """

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation with divisor n, float64 [G, C]."""
        return np.sqrt(self.variance)


def pooled_moments(statistics: SiteStatistics, group: NDArray[np.int64], groups: int) -> Moments:
    """Moments of each group of sites, the same bits for any order of the sites.

    Squares of 100,000 16-bit sites need more than 64 bits, and floats lose the small difference of large
    numbers; so both halves of each sum are added as integers, and the variance is (n Σx² − (Σx)²) / n² in
    Python's.

    Args:
        statistics: N sites.
        group: group of each site, int64 [N]; −1 leaves a site out.
        groups: their number G.
    """
    member = group >= 0
    index = group[member]
    count = np.zeros(groups, dtype=np.int64)
    np.add.at(count, index, statistics.count[member])
    total = _sums(index, statistics.total[member].astype(np.uint64), groups)
    squares = _sums(index, statistics.squares[member], groups)
    mean, variance = np.full(total.shape, np.nan), np.full(total.shape, np.nan)
    for place in np.argwhere(count > 0)[:, 0]:
        pixels = int(count[place])
        for channel, (first, second) in enumerate(zip(total[place], squares[place], strict=True)):
            mean[place, channel] = first / pixels
            variance[place, channel] = (pixels * second - first * first) / (pixels * pixels)
    return Moments(count, mean, variance)


def _sums(index: NDArray[np.int64], values: NDArray[np.uint64], groups: int) -> NDArray[np.object_]:
    """Exact sums by group as Python integers, [G, C]."""
    halves = []
    for half in (values >> np.uint64(32), values & np.uint64(0xFFFFFFFF)):
        added = np.zeros((groups, values.shape[1]), dtype=np.uint64)
        np.add.at(added, index, half)
        halves.append(added.astype(object))
    sums: NDArray[np.object_] = halves[0] * 2**32 + halves[1]
    return sums
