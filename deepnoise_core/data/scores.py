"""Scores of rows over classes: log-probabilities and the best class, where -inf excludes a class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.predictions import UNASSIGNED, Predictions


def log_probabilities(scores: NDArray[np.floating[Any]], temperature: float | None = None) -> NDArray[np.float64]:
    """Log-softmax of logits or log-probabilities [N, K] over a temperature, which is 1 where None; float64.

    Excluded classes stay -inf; a row that excludes every class stays -inf throughout.
    """
    values = np.asarray(scores, dtype=np.float64) / (temperature or 1.0)
    peak = values.max(axis=1, keepdims=True, initial=-np.inf)
    shifted = values - np.where(peak == -np.inf, 0.0, peak)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.where(total == 0, 1.0, total))
    return normalised


def best_class(scores: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Index of the best class of each row, int64 [N]; first of ties, `UNASSIGNED` where none is allowed."""
    if not scores.shape[1]:
        return np.full(len(scores), UNASSIGNED, dtype=np.int64)
    best = scores.argmax(axis=1).astype(np.int64)
    return np.where(scores.max(axis=1) == -np.inf, UNASSIGNED, best)


def confidence(predictions: Predictions) -> NDArray[np.float64]:
    """Softmax probability of each row's raw label at the predictions' temperature, float64 [N]."""
    scores = log_probabilities(predictions.unrestricted, predictions.temperature)
    highest: NDArray[np.float64] = np.exp(scores.max(axis=1, initial=-np.inf))
    return highest


def margin(predictions: Predictions) -> NDArray[np.float64]:
    """Log-probability of the best class less that of the second, before any class was excluded, [N].

    At the predictions' temperature. Infinite where a row allows one class alone, 0 where it allows none.
    """
    return lead(log_probabilities(predictions.unrestricted, predictions.temperature))


def lead(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Score of each row's best class less that of the second, float64 [N]; the same of logits and softmax logs.

    Infinite where a row allows one class alone, 0 where it allows none.
    """
    if scores.shape[1] < 2:
        return np.full(len(scores), np.inf)
    second, best = np.partition(np.asarray(scores, dtype=np.float64), -2, axis=1)[:, -2:].T
    none_allowed = best == -np.inf
    difference: NDArray[np.float64] = np.where(none_allowed, 0.0, best) - np.where(none_allowed, 0.0, second)
    return difference
