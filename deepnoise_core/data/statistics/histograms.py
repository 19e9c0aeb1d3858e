"""How often each intensity occurs: dense counts for 8 bits, the values that occur for 16.

Both merge by addition of integers, so no order of sites or division of work can change a count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = {np.dtype(np.uint8): 256, np.dtype(np.uint16): 65536}
"""Intensities that each stored type can hold."""


class DenseHistograms:
    """One count an intensity.

    Args:
        counts: uint32 [N, C, bins]; a memory map will do.
    """

    def __init__(self, counts: NDArray[np.uint32]) -> None:
        self.counts = counts

    @property
    def bins(self) -> int:
        """Intensities that are told apart."""
        return int(self.counts.shape[2])

    def __len__(self) -> int:
        return len(self.counts)

    def pooled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts over all pixels of these rows, int64 [C, bins]."""
        pooled: NDArray[np.int64] = self.counts[_as_slice(rows)].sum(axis=0, dtype=np.int64)
        return pooled

    def take(self, rows: NDArray[np.int64]) -> DenseHistograms:
        """The histograms of these rows alone, in this order."""
        return DenseHistograms(self.counts[_as_slice(rows)])


class SparseHistograms:
    """The values that occur in each site and channel, one after another, and how often each does.

    Args:
        values: intensities, uint16 [M]; within a site and channel each stands once.
        counts: how often, uint32 [M].
        bounds: start and end of site n and channel c in both, int64 [N, C, 2].
    """

    bins = 65536

    def __init__(self, values: NDArray[np.uint16], counts: NDArray[np.uint32], bounds: NDArray[np.int64]) -> None:
        self.values, self.counts, self.bounds = values, counts, bounds

    @classmethod
    def of(cls, dense: Sequence[NDArray[np.int64]]) -> SparseHistograms:
        """From dense counts [C, 65536], one array a site."""
        planes = np.concatenate(dense) if dense else np.zeros((0, cls.bins), dtype=np.int64)
        plane, value = planes.nonzero()
        ends = np.searchsorted(plane, np.arange(len(planes)), side="right")
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        bounds = np.stack([starts, ends], axis=-1).reshape(len(dense), -1, 2)
        return cls(value.astype(np.uint16), planes[plane, value].astype(np.uint32), bounds.astype(np.int64))

    @classmethod
    def joined(cls, parts: Sequence[SparseHistograms]) -> SparseHistograms:
        """The sites of several, in their order."""
        starts = np.cumsum([0, *(len(part.values) for part in parts[:-1])])
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.bounds + start for part, start in zip(parts, starts, strict=True)]),
        )

    def __len__(self) -> int:
        return len(self.bounds)

    def pooled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts over all pixels of these rows, int64 [C, 65536]."""
        total = np.zeros((self.bounds.shape[1], self.bins), dtype=np.int64)
        for site in self.bounds[rows]:
            for channel, (start, end) in enumerate(site):
                total[channel, self.values[start:end]] += self.counts[start:end]
        return total

    def take(self, rows: NDArray[np.int64]) -> SparseHistograms:
        """The histograms of these rows alone, in this order; shares values and counts."""
        return SparseHistograms(self.values, self.counts, self.bounds[rows])


def _as_slice(rows: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Consecutive rows as a slice, which copies nothing."""
    if len(rows) and rows[0] >= 0 and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return slice(int(rows[0]), int(rows[0]) + len(rows))
    return rows
