"""Average precision of replicates, expected over the random orders of what is tied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Retrieval:
    """Average precision of n queries.

    Attributes:
        precision: NaN where a query has no replicate, [n].
        found: replicates of each query, M, int64 [n].
        ranked: these and the negatives, L, int64 [n].
        tied: replicates and negatives that are equally similar, pairs of all queries.
        compared: all pairs of a replicate and a negative.
    """

    precision: NDArray[np.float64]
    found: NDArray[np.int64]
    ranked: NDArray[np.int64]
    tied: int
    compared: int

    @property
    def null(self) -> NDArray[np.float64]:
        """What a random order is expected to get, NaN where a query has no replicate, [n]."""
        return random_precision(self.found, self.ranked)

    @classmethod
    def joined(cls, parts: Sequence[Retrieval]) -> Retrieval:
        """The queries of all parts, in their order."""
        return cls(
            precision=np.concatenate([part.precision for part in parts]),
            found=np.concatenate([part.found for part in parts]),
            ranked=np.concatenate([part.ranked for part in parts]),
            tied=sum(part.tied for part in parts),
            compared=sum(part.compared for part in parts),
        )


def retrieve(
    negatives: NDArray[np.float32], query: NDArray[np.int64], replicates: NDArray[np.float32]
) -> Retrieval:
    """Rank each query's replicates among its negatives.

    A block of b tied wells with m replicates, after r wells of which p are replicates, adds in expectation
    m/b times the sum over j = 1..b of (p + 1 + (j - 1)(m - 1)/(b - 1)) / (r + j), which harmonic numbers give.

    Args:
        negatives: similarities in ascending order, -inf where a column is none, [n, L].
        query: the row of each replicate, ascending, [P].
        replicates: similarity of each, [P].
    """
    columns = negatives.shape[1]
    order = np.lexsort((-replicates, query))
    query, replicates = query[order], replicates[order]
    ends = np.searchsorted(query, np.arange(len(negatives) + 1))
    above, tied = np.empty(len(query), np.int64), np.empty(len(query), np.int64)
    count = np.empty(len(negatives), dtype=np.int64)
    for row, ranked in enumerate(negatives):
        own = slice(ends[row], ends[row + 1])
        count[row] = columns - np.searchsorted(ranked, -np.inf, "right")
        below = np.searchsorted(ranked, replicates[own], "left")
        above[own] = columns - np.searchsorted(ranked, replicates[own], "right")
        tied[own] = columns - below - above[own]
    first = _block_starts(query, replicates)
    before = first - ends[query]
    together = np.bincount(first, minlength=len(query))[first] if len(query) else first
    added = _contribution(above + before, before, tied + together, together)
    found = np.diff(ends)
    sums = np.bincount(query, added, minlength=len(negatives))
    precision = np.divide(sums, found, out=np.full(len(found), np.nan), where=found > 0)
    return Retrieval(precision, found, found + count, int(tied.sum()), int(found @ count))


def random_precision(found: NDArray[np.int64], ranked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Expected average precision of M replicates among L ranked wells in random order; NaN where M is 0."""
    ranked = np.maximum(ranked, 1)
    sums = harmonic(int(ranked.max(initial=1)))[ranked]
    slope = np.divide(found - 1, ranked - 1, out=np.zeros(len(found)), where=ranked > 1)
    return np.where(found > 0, (slope * (ranked - sums) + sums) / ranked, np.nan)


def harmonic(most: int) -> NDArray[np.float64]:
    """H(0) = 0 to H(most), float64 [most + 1]."""
    return np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, most + 1))])


def _block_starts(query: NDArray[np.int64], replicates: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where the block of equal replicates begins that each belongs to, [P]."""
    new = np.ones(len(query), dtype=bool)
    new[1:] = (query[1:] != query[:-1]) | (replicates[1:] != replicates[:-1])
    return np.maximum.accumulate(np.where(new, np.arange(len(query)), 0))


def _contribution(
    rank: NDArray[np.int64], before: NDArray[np.int64], size: NDArray[np.int64], together: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What each replicate of a block adds: 1/b times the sum of the docstring above."""
    slope = np.divide(together - 1, size - 1, out=np.zeros(len(size)), where=size > 1)
    sums = harmonic(int((rank + size).max(initial=0)))
    spread = np.where(size > 1, sums[rank + size] - sums[rank], 1.0 / (rank + 1))
    return slope + (before + 1 - slope * (rank + 1)) * spread / size
