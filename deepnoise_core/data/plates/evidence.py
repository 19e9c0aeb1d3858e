"""What the wells of a plate say about which group of classes the plate holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

EvidenceKind = Literal["mass", "likelihood"]
"""How much a well counts for a group: its probability there, or the logarithm of that."""

_LEAST = 1e-12
_LEAST_SPREAD = 1e-3


def group_evidence(
    scores: NDArray[np.floating[Any]],
    groups: Sequence[Collection[int]],
    kind: EvidenceKind = "mass",
) -> NDArray[np.float64]:
    """Evidence of each well of one plate for each group, float64 [n, G]; 0 from wells that exclude all classes.

    A score that a class has all over the plate says nothing of single wells: it is how plate and network bend
    it, and is taken off. The price is a part of what weak scores tell, since a class that is on the plate raises
    its mean too; a single well tells nothing. Scores of a well are taken in units of their own spread, before
    and after, so that it does not matter how sure a network is of itself.

    Args:
        scores: logits or log-probabilities of n wells over K classes, [n, K]; -inf excludes a class.
        groups: disjoint sets of class indices.
        kind: `mass` sums over wells to the expected number of wells in a group, `likelihood` to the logarithm
            of the marginal likelihood of the group.
    """
    allowed = scores > -np.inf
    levels = scores - _mean_of_allowed(scores, allowed, axis=1)
    levels /= _spread(levels, allowed, least=np.finfo(levels.dtype).tiny)
    levels -= _mean_of_allowed(levels, allowed, axis=0)
    levels /= _spread(levels, allowed, least=_LEAST_SPREAD)
    peak = levels.max(axis=1, keepdims=True, initial=-np.inf)
    weights = np.exp(levels - np.where(peak == -np.inf, 0, peak))
    members = np.zeros((scores.shape[1], len(groups)), dtype=weights.dtype)
    for number, group in enumerate(groups):
        members[sorted(group), number] = 1
    shares: NDArray[np.float64] = (weights @ members).astype(np.float64)
    total = shares.sum(axis=1, keepdims=True)
    shares /= np.where(total == 0, 1.0, total)
    if kind == "likelihood":
        shares = np.where(total == 0, 0.0, np.log(np.maximum(shares, _LEAST)))
    return shares


def _mean_of_allowed(
    values: NDArray[np.floating[Any]], allowed: NDArray[np.bool_], *, axis: int
) -> NDArray[np.floating[Any]]:
    """Mean over the allowed values of an axis, which is kept; 0 where none is allowed."""
    filled = values if allowed.all() else np.where(allowed, values, 0)
    count = np.maximum(allowed.sum(axis=axis, keepdims=True), 1)
    mean: NDArray[np.floating[Any]] = (filled.sum(axis=axis, keepdims=True) / count).astype(values.dtype)
    return mean


def _spread(
    levels: NDArray[np.floating[Any]], allowed: NDArray[np.bool_], *, least: float
) -> NDArray[np.floating[Any]]:
    """Root mean square of the allowed levels of each well, [n, 1], and no less than `least`."""
    squares = _mean_of_allowed(np.square(levels), allowed, axis=1)
    spread: NDArray[np.floating[Any]] = np.maximum(np.sqrt(squares), least).astype(levels.dtype)
    return spread
