"""Soft assignment of one plate: the probabilities nearest to the scores that keep to what a plate can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.beliefs import propagate_beliefs
from deepnoise_core.data.scores import log_probabilities

Entropy = Literal["bethe", "shannon"]
"""What keeps a soft assignment soft: of all ways to fill the plate, nearly; or of each well by itself."""


@dataclass(frozen=True)
class SoftAssignment:
    """A soft assignment of the wells of one plate.

    Attributes:
        log_plan: log-probability of each class for each well, float64 [n, K]; -inf where it is forbidden.
        log_unassigned: log-probability that a well has no class, float64 [n]; -inf where each must have one.
        unsettled: wells by which the expected use of some class exceeds its capacity or, with Bethe entropy, the
            last change of some probability if that is more; at most the tolerance, unless the iterations ran out.
    """

    log_plan: NDArray[np.float64]
    log_unassigned: NDArray[np.float64]
    unsettled: float


def assign_softly(
    scores: NDArray[np.floating[Any]],
    *,
    capacity: ArrayLike = 1,
    unassigned_score: float | None = None,
    entropy: Entropy = "bethe",
    tolerance: float = 1e-4,
    iterations: int = 1000,
    place: str = "the plate",
) -> SoftAssignment:
    """The soft assignment P that maximises sum(P · scores) + entropy(P).

    Each well's probabilities sum to 1, and those of a class, over wells, to its capacity at most. Scores divided
    by a temperature that falls make P the linear sum assignment, by one that rises make it even over the places.

    With Shannon entropy this is entropic optimal transport (Cuturi, NeurIPS 2013), with limits instead of equal
    margins: one number a class lowers it where too many wells want it. L-BFGS-B finds these in a tenth of the
    updates of Sinkhorn's scaling, which stalls at low temperatures. P is less sure than it is right. With Bethe
    entropy, for which belief propagation goes on from there, calibrated scores make P calibrated.

    Args:
        scores: calibrated logits or log-probabilities, [n, K], -inf where a class is forbidden;
            log-probabilities where wells may stay without a class.
        capacity: how often each class may be used, one number or [K].
        unassigned_score: score of leaving a well without a class; None where every well must get one.
        entropy: see `Entropy`.
        tolerance: what may stay unsettled.
        iterations: most updates, of the numbers and then of the messages.
        place: name of plate and experiment, for messages.

    Raises:
        AssignmentError: the plate has more wells than places, or forbidden classes leave no solution.
    """
    assign(scores, capacity=capacity, unassigned_score=unassigned_score, place=place)  # Raises where none fits.
    places = np.minimum(np.broadcast_to(np.asarray(capacity, dtype=np.int64), scores.shape[1:]), len(scores))
    unassigned = np.full((len(scores), 1), -np.inf if unassigned_score is None else unassigned_score)
    gains = log_probabilities(np.hstack([np.where(places > 0, scores, -np.inf), unassigned]))
    contested = np.flatnonzero((gains[:, :-1] > -np.inf).any(axis=0))
    if not len(contested):
        return SoftAssignment(gains[:, :-1], gains[:, -1], 0.0)
    columns, limits = np.append(contested, scores.shape[1]), places[contested]
    narrow = gains[:, columns]
    potentials = _potentials(narrow, limits, tolerance, iterations)
    plan = np.full_like(gains, -np.inf)
    if entropy == "bethe":
        plan[:, columns], unsettled = propagate_beliefs(narrow, limits, potentials, tolerance, iterations)
    else:
        plan[:, columns] = log_probabilities(narrow + np.append(potentials, 0.0))
        unsettled = max(0.0, float((np.exp(plan[:, contested]).sum(axis=0) - limits).max()))
    return SoftAssignment(plan[:, :-1], plan[:, -1], unsettled)


def _potentials(
    gains: NDArray[np.float64], limits: NDArray[np.int64], tolerance: float, iterations: int
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
