"""Soft assignment of one plate: the probabilities nearest to the scores that keep to what a plate can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from deepnoise_core.data.plates.assignment import assign

_UPDATES_A_KERNEL = 10
"""Updates between two kernels: few enough that what underflowed in a kernel cannot have become large."""


@dataclass(frozen=True)
class Transport:
    """A soft assignment of the wells of one plate.

    Attributes:
        log_plan: log-probability of each class for each well, float64 [n, K]; -inf where it is forbidden.
        log_unassigned: log-probability that a well has no class, float64 [n]; -inf where each must have one.
        excess: wells by which the expected use of the fullest class exceeds its capacity; at most the
            tolerance, unless the iterations ran out.
    """

    log_plan: NDArray[np.float64]
    log_unassigned: NDArray[np.float64]
    excess: float


def transport(
    scores: NDArray[np.floating[Any]],
    *,
    capacity: ArrayLike = 1,
    temperature: float = 1.0,
    unassigned_score: float | None = None,
    tolerance: float = 1e-3,
    iterations: int = 2000,
    place: str = "the plate",
) -> Transport:
    """The soft assignment P that maximises sum(P · scores) + temperature · entropy(P).

    Each well's probabilities sum to 1, and those of a class, over wells, to its capacity at most. Where the
    softmax of the scores keeps to that already, it is P; as the temperature falls, P becomes the linear sum
    assignment. Found by entropic optimal transport in the log domain (Sinkhorn-Knopp, Cuturi 2013; kernels that
    absorb the potentials, Schmitzer 2019), where the potential of a class may only lower it.

    Args:
        scores: logits or log-probabilities, [n, K], -inf where a class is forbidden; log-probabilities where
            wells may stay without a class.
        capacity: how often each class may be used, one number or [K].
        temperature: what the scores are divided by; 1 for calibrated ones.
        unassigned_score: score of leaving a well without a class; None where every well must get one.
        tolerance: largest accepted excess, in wells.
        iterations: most updates of the potentials.
        place: name of plate and experiment, for messages.

    Raises:
        AssignmentError: the plate has more wells than places, or forbidden classes leave no solution.
    """
    assign(scores, capacity=capacity, unassigned_score=unassigned_score, place=place)  # Raises where none fits.
    limits = np.broadcast_to(np.asarray(capacity, dtype=np.float64), scores.shape[1:])
    unassigned = np.full((len(scores), 1), -np.inf if unassigned_score is None else unassigned_score)
    gains = np.hstack([scores, unassigned]).astype(np.float64) / temperature
    limits = np.append(limits, np.inf)
    used = (gains > -np.inf).any(axis=0) & (limits > 0)
    plan = np.full_like(gains, -np.inf)
    plan[:, used], excess = _scale(gains[:, used], limits[used], tolerance, iterations)
    return Transport(plan[:, :-1], plan[:, -1], excess)


def _scale(
    gains: NDArray[np.float64], limits: NDArray[np.float64], tolerance: float, iterations: int
) -> tuple[NDArray[np.float64], float]:
    """Log of the plan [n, K], whose rows sum to 1, and its excess."""
    plan = gains - logsumexp(gains, axis=1, keepdims=True)
    lowered = np.zeros(len(limits))
    for _ in range(0, iterations, _UPDATES_A_KERNEL):
        kernel = np.exp(plan)
        if (kernel.sum(axis=0) - limits).max(initial=0.0) <= tolerance:
            break
        by_well, by_class, back = np.ones(len(plan)), np.ones(len(limits)), np.exp(lowered)
        for _ in range(_UPDATES_A_KERNEL):
            with np.errstate(divide="ignore"):
                by_class = np.minimum(back, limits / (by_well @ kernel))
            by_well = 1 / (kernel @ by_class)
        lowered -= np.log(by_class)
        plan += np.log(by_well)[:, None] + np.log(by_class)
    return plan, float((np.exp(plan).sum(axis=0) - limits).max(initial=0.0))
