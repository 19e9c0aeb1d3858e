"""Which wells of a pool are sure enough to be taken for labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import NO_LABEL
from deepnoise_core.data.scores import best_class, lead


@dataclass(frozen=True)
class Candidates:
    """Wells and what a network says of them.

    Attributes:
        scores: -inf where plate knowledge excludes a class, float [n, K].
        plates: number of the plate of each well, int64 [n].
        labels: class index of those that were accepted before, else `NO_LABEL`, int64 [n].
        agreed: the one class that each may get, int64 [n]; `NO_LABEL` where it may get none, None for any.
    """

    scores: NDArray[np.floating[Any]]
    plates: NDArray[np.int64]
    labels: NDArray[np.int64]
    agreed: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Accepted:
    """Wells that are taken now.

    Attributes:
        rows: of the candidates, surest first, int64 [a].
        labels: class index of each, int64 [a].
        margins: lead of that class over the next, in logits, [a]; inf where there is no other.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    margins: NDArray[np.float64]


def goal(epoch: int, first: int, epochs: int, fractions: tuple[float, float]) -> float:
    """Share of the pool to be accepted before an epoch: f0 + (f1 − f0) x, x = (e − e0 + 1) / (E − e0 + 1).

    Args:
        epoch: e, epochs that are finished.
        first: e0, those that were when acceptance began.
        epochs: E.
        fractions: f0 and f1.
    """
    x = (epoch - first + 1) / (epochs - first + 1)
    return fractions[0] + (fractions[1] - fractions[0]) * x


def accept(candidates: Candidates, count: int, taken: NDArray[np.bool_], *, exclusive: bool) -> Accepted:
    """Take the surest wells: those whose best class leads the next by most; of equals, the first.

    Args:
        candidates: n wells.
        count: how many are looked at, the surest first.
        taken: whether a plate has a well of a class already, bool [P, K].
        exclusive: whether a plate has each class once. A class that it has is then excluded, and of several
            wells that would get the same one, the surest alone is taken; the others come again next time, and
            nothing takes their place now.
    """
    scores = np.asarray(candidates.scores, dtype=np.float64)
    if exclusive:
        scores = np.where(taken[candidates.plates], -np.inf, scores)
    labels, margins = best_class(scores), lead(scores)
    agreed = labels if candidates.agreed is None else candidates.agreed
    rows = np.flatnonzero((candidates.labels == NO_LABEL) & (labels != NO_LABEL) & (labels == agreed))
    rows = rows[np.argsort(-margins[rows], kind="stable")][:count]
    if exclusive:
        places = np.stack([candidates.plates[rows], labels[rows]], axis=1)
        rows = rows[np.sort(np.unique(places, axis=0, return_index=True)[1])]
    return Accepted(rows, labels[rows], margins[rows])
