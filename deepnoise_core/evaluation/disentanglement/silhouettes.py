"""Silhouettes (Rousseeuw 1987) with Euclidean distances, from sums of distances to each group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.evaluation.disentanglement.members import Members
from deepnoise_core.evaluation.disentanglement.neighbours import blocks

_NULL_ROWS = 1000


def silhouettes(
    values: NDArray[np.float64], group: NDArray[np.int64], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The silhouette of rows among n, 0 where a row is alone in its group; NaN where all are, or none is.

    Args:
        values: centred embeddings, [n, F].
        group: of each of the n rows, from 0, each of which occurs.
        rows: whose silhouettes are asked; all where None.
    """
    sizes = np.bincount(group)
    asked = np.arange(len(values)) if rows is None else rows
    if len(sizes) < 2 or len(sizes) == len(values):
        return np.full(len(asked), np.nan)
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    columns = np.ascontiguousarray(values[order].T)
    squares = np.square(columns).sum(axis=0)
    place = np.argsort(order)
    result = np.empty(len(asked))
    # asked in the order of groups, the own distances are near the diagonal, but any order serves
    for block in (part for part in blocks(len(values)) if part[0] < len(asked)):
        part = block[block < len(asked)]
        own = asked[part]
        distances = values[own] @ columns
        distances *= -2.0
        distances += squares
        distances += squares[place[own], None]
        np.maximum(distances, 0.0, out=distances)
        np.sqrt(distances, out=distances)
        distances[np.arange(len(part)), place[own]] = 0.0
        result[part] = _silhouettes(np.add.reduceat(distances, starts, axis=1), group[own], sizes)
    return result


def within(
    values: NDArray[np.float64], outer: NDArray[np.int64], inner: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The silhouette by `inner` among the rows of the same `outer` group alone, [n]."""
    members = Members(outer)
    result = np.full(len(values), np.nan)
    for group in range(len(members.counts)):
        rows = members.of(group)
        result[rows] = silhouettes(values[rows], np.unique(inner[rows], return_inverse=True)[1])
    return result


def null_silhouette(values: NDArray[np.float64], group: NDArray[np.int64], seed: int) -> float:
    """The mean silhouette of shuffled groups, of up to a thousand rows."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(group)
    rows = np.sort(random.permutation(len(values))[:_NULL_ROWS])
    return float(silhouettes(values, shuffled, rows).mean())


def _silhouettes(
    sums: NDArray[np.float64], group: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """From the sum of each row's distances to each group, [n, G]."""
    rows = np.arange(len(sums))
    inside = sums[rows, group] / np.maximum(sizes[group] - 1, 1)
    means = sums / sizes
    means[rows, group] = np.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    found = np.divide(outside - inside, larger, out=np.zeros(len(sums)), where=larger > 0)
    return np.where(sizes[group] > 1, found, 0.0)
