"""DeepNoise's own way to balance the classes of a plate: one multiplier a class, found by small steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from deepnoise_core.contracts.predictions import UNASSIGNED


def balance_classes(
    scores: NDArray[np.floating[Any]], *, step: float = 0.01, halvings: int = 6, rounds: int = 3000
) -> NDArray[np.int64]:
    """Class of each well of one plate by scores that multipliers even out, int64 [n].

    Each class's softmax over the wells is multiplied by a number that starts at 1. `step` is taken off the
    multiplier of the class that most wells have, again and again; the multipliers that reach the largest sum of
    min(share of a class, 1 / K) are kept, and halved steps go on from them. Nothing makes sure that a class
    comes once; `assign` does. `UNASSIGNED` where a well allows no class.

    Args:
        scores: logits of the wells, [n, K], -inf where a class is forbidden. An offset of a well matters here.
        step: first step.
        halvings: how often the step is halved; 6 as published, where it stays above 0.0001.
        rounds: most steps of one size.

    References:
        DeepNoise (arXiv 2209.05772): the last step of its code.
    """
    allowed = np.flatnonzero((scores > -np.inf).any(axis=0))
    labels = np.full(len(scores), UNASSIGNED, dtype=np.int64)
    wells = np.flatnonzero((scores > -np.inf).any(axis=1))
    if len(wells):
        gains = scores[np.ix_(wells, allowed)].astype(np.float64)
        labels[wells] = allowed[_search(gains, [step / 2**times for times in range(halvings + 1)], rounds)]
    return labels


def _search(scores: NDArray[np.float64], steps: list[float], rounds: int) -> NDArray[np.int64]:
    shares = softmax(scores, axis=0)
    forbidden = scores == -np.inf
    classes = scores.shape[1]
    best = np.ones(classes)
    best_labels = _labels(shares, forbidden, best)
    best_evenness = _evenness(np.bincount(best_labels, minlength=classes))
    for step in steps:
        multipliers, labels = best.copy(), best_labels.copy()
        for _ in range(rounds):
            counts = np.bincount(labels, minlength=classes)
            if (evenness := _evenness(counts)) > best_evenness:
                best, best_labels, best_evenness = multipliers.copy(), labels.copy(), evenness
            if counts.max() - counts.min() <= 1:  # No labels are more even.
                return best_labels
            commonest = counts.argmax()
            multipliers[commonest] -= step
            moved = np.flatnonzero(labels == commonest)  # The best class of all other wells stays the best.
            labels[moved] = _labels(shares[moved], forbidden[moved], multipliers)
    return best_labels


def _labels(
    shares: NDArray[np.float64], forbidden: NDArray[np.bool_], multipliers: NDArray[np.float64]
) -> NDArray[np.int64]:
    # Masked rather than zero, since multipliers can fall below zero.
    labels: NDArray[np.int64] = np.where(forbidden, -np.inf, shares * multipliers).argmax(axis=1)
    return labels


def _evenness(counts: NDArray[np.int64]) -> int:
    """The sum over classes of min(share, 1 / K), times wells and classes: a whole number, so compared exactly."""
    return int(np.minimum(counts * len(counts), counts.sum()).sum())
