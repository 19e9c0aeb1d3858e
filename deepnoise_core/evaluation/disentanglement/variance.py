"""Shares of the variance of embeddings, and how many directions it spreads over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

COMPONENTS = 50
"""Principal components of the regression, as in scIB."""


class BetweenShare:
    """The share of the variance of rows [n, F] that lies between groups (R²), for any weights of the rows."""

    def __init__(self, values: NDArray[np.float64], group: NDArray[np.int64]) -> None:
        self._values, self._group = values, group
        self._squares = np.square(values).sum(axis=1)

    def __call__(self, weights: NDArray[np.float64]) -> float:
        """The share with weights [n]; 0 where nothing varies."""
        count = len(self._group)
        indicator = csr_array((weights, (self._group, np.arange(count))), shape=(self._group.max() + 1, count))
        sums: NDArray[np.float64] = np.asarray(indicator @ self._values)
        sizes = np.bincount(self._group, weights)
        about_zero = np.square(sums.sum(axis=0)).sum() / weights.sum()
        between = (np.square(sums).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)).sum() - about_zero
        total = weights @ self._squares - about_zero
        return float(between / total) if total > 0 else 0.0


def chance_share(group: NDArray[np.int64]) -> float:
    """The expected share of groups that mean nothing, (G - 1) / (n - 1)."""
    return int(group.max()) / (len(group) - 1)


def adjusted(share: float, expected: float) -> float:
    """A share as it stands above chance: 0 there, 1 at most."""
    return (share - expected) / (1.0 - expected)


def leading(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first principal components of centred rows [n, F], [n, COMPONENTS or fewer]."""
    _, directions = np.linalg.eigh(values.T @ values)
    scores: NDArray[np.float64] = values @ directions[:, ::-1][:, :COMPONENTS]
    return scores


def effective_rank(values: NDArray[np.float64]) -> float:
    """Exp of the entropy of the covariance's eigenvalues of centred rows [n, F]; 0 where nothing varies.

    Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    eigenvalues = np.linalg.eigvalsh(values.T @ values).clip(min=0.0)
    if eigenvalues.sum() == 0:
        return 0.0
    shares = eigenvalues[eigenvalues > 0] / eigenvalues.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
