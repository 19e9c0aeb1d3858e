"""Give every well of one plate a class so that no class is used more often than allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.contracts.predictions import UNASSIGNED

_WORTHWHILE = 4
"""How many times more classes than can be wanted make it worth while to look for those that are."""


def assign(
    scores: NDArray[np.floating[Any]],
    *,
    capacity: ArrayLike = 1,
    unassigned_score: float | None = None,
    place: str = "the plate",
) -> NDArray[np.int64]:
    """Class of each well that maximises the sum of scores, int64 [n].

    Scores are used as they are. A constant added to a well changes nothing where every well gets a class;
    where some may stay without one (`unassigned_score`), give log-probabilities.

    Args:
        scores: [n, K], -inf where a class is forbidden. Finite, or -inf.
        capacity: how often each class may be used, one number or [K].
        unassigned_score: score of leaving a well without a class, which then gives `UNASSIGNED`; None where
            every well must get a class.
        place: name of plate and experiment, for messages.

    Raises:
        AssignmentError: the plate has more wells than places, or forbidden classes leave no solution.
    """
    wells, classes = scores.shape
    places = np.minimum(np.broadcast_to(np.asarray(capacity, dtype=np.int64), (classes,)), wells)
    allowed = np.flatnonzero((scores > -np.inf).any(axis=0) & (places > 0))
    wanted = _wanted(scores, allowed, places)
    slots = np.repeat(wanted, places[wanted])
    gains = scores.take(slots, axis=1).astype(np.float64)
    if unassigned_score is not None:
        gains = np.hstack([gains, np.full((wells, wells), unassigned_score)])
        slots = np.append(slots, np.full(wells, UNASSIGNED))
    elif len(slots) < wells:
        raise AssignmentError(
            f"{place} has {wells} wells but only {len(slots)} places for them; raise the capacity, give an "
            "unassigned score, or leave out wells that hold no class of the model"
        )
    try:
        _, columns = linear_sum_assignment(_reduced_costs(gains))
    except ValueError as error:
        raise AssignmentError(
            f"{place}: no way to give each of its {wells} wells one allowed class ({error}); raise the "
            "capacity or give an unassigned score"
        ) from error
    labels: NDArray[np.int64] = slots[columns].astype(np.int64)
    return labels


def _reduced_costs(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Costs with the same solution as these gains, that the solver takes a third less time for.

    What all choices of a well cost does not matter; nor what all wells pay for a place, if every place is taken.
    """
    costs = gains.max(axis=1, keepdims=True, initial=-np.inf)
    costs = np.where(costs == -np.inf, 0.0, costs) - gains
    if costs.shape[0] == costs.shape[1]:
        least = costs.min(axis=0, initial=np.inf)
        costs -= np.where(least == np.inf, 0.0, least)
    return costs


def _wanted(
    scores: NDArray[np.floating[Any]], allowed: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Classes among which one of the best assignments lies: the best few of any well, ascending.

    The n - 1 other wells can fill (n - 1) // c classes of capacity c or more. So one of a well's best
    (n - 1) // c + 1 classes has a place left, and to move there from a worse one loses nothing.
    """
    wells = len(scores)
    few = (wells - 1) // int(places[allowed].min(initial=max(wells, 1))) + 1
    if few * _WORTHWHILE >= len(allowed):
        return allowed
    best = np.argpartition(scores[:, allowed], -few, axis=1)[:, -few:]
    chosen: NDArray[np.int64] = allowed[np.unique(best)]
    return chosen
