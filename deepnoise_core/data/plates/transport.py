"""Soft assignment of one plate: the probabilities nearest to the scores that keep to what a plate can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.scores import log_probabilities


@dataclass(frozen=True)
class SoftAssignment:
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


def assign_softly(
    scores: NDArray[np.floating[Any]],
    *,
    capacity: ArrayLike = 1,
    unassigned_score: float | None = None,
    tolerance: float = 1e-4,
    iterations: int = 2000,
    place: str = "the plate",
) -> SoftAssignment:
    """The soft assignment P that maximises sum(P · scores) + entropy(P).

    Each well's probabilities sum to 1, and those of a class, over wells, to its capacity at most. Where the
    softmax of the scores keeps to that already, it is P. Scores divided by a temperature that falls make P the
    linear sum assignment, by one that rises make it even over the places; calibrated scores make it calibrated.

    This is entropic optimal transport (Cuturi, NeurIPS 2013) with limits instead of equal margins. Its dual has
    one number a class, which lowers the class where too many wells want it; L-BFGS-B finds it in a tenth of the
    updates that Sinkhorn's scaling takes, and goes on where that stalls, at low temperatures.

    Args:
        scores: calibrated logits or log-probabilities, [n, K], -inf where a class is forbidden;
            log-probabilities where wells may stay without a class.
        capacity: how often each class may be used, one number or [K].
        unassigned_score: score of leaving a well without a class; None where every well must get one.
        tolerance: largest accepted excess, in wells.
        iterations: most updates of the dual.
        place: name of plate and experiment, for messages.

    Raises:
        AssignmentError: the plate has more wells than places, or forbidden classes leave no solution.
    """
    assign(scores, capacity=capacity, unassigned_score=unassigned_score, place=place)  # Raises where none fits.
    limits = np.broadcast_to(np.asarray(capacity, dtype=np.float64), scores.shape[1:])
    unassigned = np.full((len(scores), 1), -np.inf if unassigned_score is None else unassigned_score)
    gains = log_probabilities(np.hstack([np.where(limits > 0, scores, -np.inf), unassigned]))
    contested = np.flatnonzero((gains[:, :-1] > -np.inf).any(axis=0))
    potentials = np.zeros(gains.shape[1])
    if len(contested):
        columns = np.append(contested, -1)
        potentials[contested] = _potentials(gains[:, columns], limits[contested], tolerance, iterations)
    plan = log_probabilities(gains + potentials)
    excess = (np.exp(plan[:, :-1]).sum(axis=0) - limits).max(initial=0.0)
    return SoftAssignment(plan[:, :-1], plan[:, -1], float(excess))


def _potentials(
    gains: NDArray[np.float64], limits: NDArray[np.float64], tolerance: float, iterations: int
) -> NDArray[np.float64]:
    """What each class but the last, which has no limit, is lowered by: the minimum of the dual, [K]."""

    def dual(potentials: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        lowered = gains + np.append(potentials, 0.0)
        peak = lowered.max(axis=1)
        weights = np.exp(lowered - peak[:, None])
        totals = weights.sum(axis=1)
        value = (np.log(totals) + peak).sum() - limits @ potentials
        return float(value), (1 / totals) @ weights[:, :-1] - limits

    found = minimize(
        dual,
        np.zeros(len(limits)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, 0.0)] * len(limits),
        options={"gtol": tolerance, "ftol": 0.0, "maxiter": iterations},
    )
    potentials: NDArray[np.float64] = found.x
    return potentials
