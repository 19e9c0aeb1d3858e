"""Calibration: whether a confidence of 80 % is right eight times in ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.scores import best_class, log_probabilities

BINS = 15


@dataclass(frozen=True)
class ConfidenceBin:
    """Wells whose raw confidence lies in (low, high].

    Attributes:
        low: lower end.
        high: upper end.
        wells: how many there are, at least one.
        confidence: their mean confidence.
        accuracy: the share of them that is named rightly.
    """

    low: float
    high: float
    wells: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far the confidence of raw labels can be trusted.

    Attributes:
        temperature: what logits were divided by; None where nothing was fitted.
        ece: expected calibration error over 15 bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML
            2017): the mean gap of confidence and accuracy.
        adaptive_ece: the same over 15 bins of equally many wells (Nguyen & O'Connor, EMNLP 2015).
        classwise_ece: the same of each class's probability, mean over classes (Kull et al., NeurIPS 2019).
        nll: mean negative log-probability of the true class, in nats.
        aurc: area under the risk-coverage curve (Geifman et al., ICLR 2019): the mean error of the most
            confident wells, over all numbers of them.
        bins: the bins of `ece` that hold a well: a reliability diagram.
    """

    temperature: float | None
    ece: float
    adaptive_ece: float
    classwise_ece: float
    nll: float
    aurc: float
    bins: tuple[ConfidenceBin, ...]


def calibration(
    scores: NDArray[np.floating[Any]], truths: NDArray[np.int64], temperature: float | None = None
) -> Calibration:
    """Figures of the confidence that softmax of scores over temperature gives.

    Args:
        scores: logits [N, K], at least one row.
        truths: true class index, [N].
        temperature: what the logits are divided by; 1 where None.
    """
    logs = log_probabilities(scores, temperature)
    named, chances = best_class(logs), np.exp(logs)
    confidence, right = chances.max(axis=1), named == truths
    bins = _bins(confidence, right)
    return Calibration(
        temperature=temperature,
        ece=sum(one.wells * abs(one.accuracy - one.confidence) for one in bins) / len(truths),
        adaptive_ece=_adaptive(confidence, right),
        classwise_ece=float(np.mean([_ece(own, truths == k) for k, own in enumerate(chances.T)])),
        nll=float(-logs[np.arange(len(truths)), truths].mean()),
        aurc=_area_under_risk_coverage(confidence, ~right),
        bins=bins,
    )


def _bin_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    places = np.searchsorted(np.linspace(0, 1, BINS + 1), confidence, side="left") - 1
    return np.clip(places, 0, BINS - 1).astype(np.int64)


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[ConfidenceBin, ...]:
    edges, own = np.linspace(0, 1, BINS + 1), _bin_of(confidence)
    return tuple(
        ConfidenceBin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            wells=int((own == place).sum()),
            confidence=float(confidence[own == place].mean()),
            accuracy=float(right[own == place].mean()),
        )
        for place in np.unique(own)
    )


def _ece(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    gaps = np.bincount(_bin_of(confidence), weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _adaptive(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    gaps = (right - confidence)[np.argsort(confidence, kind="stable")]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, BINS)) / len(gaps))


def _area_under_risk_coverage(confidence: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """Wells of the same confidence come in any order: each counts as their mean."""
    _, tied, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = (np.bincount(tied, weights=wrong) / sizes).repeat(sizes)
    return float((errors.cumsum() / np.arange(1, len(errors) + 1)).mean())
