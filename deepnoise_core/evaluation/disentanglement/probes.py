"""Linear probes: what can be read off embeddings of wells that the probe has never seen.

A linear discriminant with one pooled covariance, shrunk towards a multiple of the identity as far as Ledoit and
Wolf (Journal of Multivariate Analysis 2004) say, so that turning or scaling an embedding changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, pinvh
from sklearn.covariance import ledoit_wolf_shrinkage

from deepnoise_core.data.randomness import permutation

FOLDS = 32
"""Most parts that perturbations are left out in; each by itself where there are no more."""

_ROWS = 4096


def left_out_hits(
    values: NDArray[np.float64], label: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether a probe that learned from all other groups names each row rightly.

    Args:
        values: centred embeddings, [n, F].
        label: what is told, [n].
        group: what is left out as a whole, [n].

    Returns:
        1 or 0, or a share of 1 where the best labels are tied; NaN where the other groups lack a label, [n].
    """
    hits = np.full(len(values), np.nan)
    for number in np.unique(group):
        tested = group == number
        known = np.unique(label[~tested])
        rows = np.flatnonzero(tested & np.isin(label, known))
        if len(known) > 1 and len(rows):
            probe = Discriminant(values[~tested], np.searchsorted(known, label[~tested]))
            hits[rows] = probe.hits(values[rows], np.searchsorted(known, label[rows]))
    return hits


def folds_of(label: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The fold of each row, [n]; rows of one label share it."""
    number = int(label.max()) + 1
    return permutation(number, seed, 0, "folds of perturbations")[label] % FOLDS


def chance(hits: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """How often guessing among the labels of the rows that are asked is right; NaN where none is."""
    asked = label[~np.isnan(hits)]
    return 1.0 / len(np.unique(asked)) if len(asked) else np.nan


class Discriminant:
    """A linear discriminant of rows [n, F] with labels 0 to K - 1, all of which occur.

    All labels are equally likely beforehand: were they as likely as they are common, the label of a row that is
    left out would be less likely for its absence.

    Where no label has two different rows, and so no variance to measure by, the nearest mean wins.

    Attributes:
        shrinkage: share of the covariance that is replaced by its mean variance.
    """

    def __init__(self, values: NDArray[np.float64], label: NDArray[np.int64]) -> None:
        means = group_sums(values, label) / np.bincount(label)[:, None]
        residuals = values - means[label]
        self.shrinkage = float(ledoit_wolf_shrinkage(residuals, assume_centered=True))
        covariance = residuals.T @ residuals / len(residuals)
        ridge = self.shrinkage * np.trace(covariance) / len(covariance)
        shrunk = (1 - self.shrinkage) * covariance + ridge * np.eye(len(covariance))
        if not residuals.any():
            self._directions = means.T
        elif ridge > 0:
            self._directions = cho_solve(cho_factor(shrunk), means.T)
        else:
            self._directions = pinvh(shrunk) @ means.T
        self._levels = -np.sum(means.T * self._directions, axis=0) / 2

    def hits(self, values: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
        """1 where a row's own label is the most probable, shared among those that tie, [n]."""
        shares = np.empty(len(values))
        for start in range(0, len(values), _ROWS):
            part = slice(start, start + _ROWS)
            scores = values[part] @ self._directions + self._levels
            best = scores == scores.max(axis=1, keepdims=True)
            shares[part] = best[np.arange(len(scores)), label[part]] / best.sum(axis=1)
        return shares


def group_sums(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of the rows [n, F] of each group from 0, [G, F]."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    return np.add.reduceat(values[order], starts, axis=0)
