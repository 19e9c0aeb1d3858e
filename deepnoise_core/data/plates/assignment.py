"""Give every well of one plate a class so that no class is used more often than allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.contracts.predictions import UNASSIGNED


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
        scores: [n, K], -inf where a class is forbidden.
        capacity: how often each class may be used, one number or [K].
        unassigned_score: score of leaving a well without a class, which then gives `UNASSIGNED`; None where
            every well must get a class.
        place: name of plate and experiment, for messages.

    Raises:
        AssignmentError: the plate has more wells than places, or forbidden classes leave no solution.
    """
    wells, classes = scores.shape
    allowed = np.flatnonzero((scores > -np.inf).any(axis=0))
    places = np.minimum(np.broadcast_to(np.asarray(capacity, dtype=np.int64), (classes,))[allowed], wells)
    slots = np.repeat(allowed, places)
    gains = scores[:, slots].astype(np.float64)
    if unassigned_score is not None:
        gains = np.hstack([gains, np.full((wells, wells), unassigned_score)])
        slots = np.append(slots, np.full(wells, UNASSIGNED))
    elif len(slots) < wells:
        raise AssignmentError(
            f"{place} has {wells} wells but only {len(slots)} places for them; raise the capacity, give an "
            "unassigned score, or leave out wells that hold no class of the model"
        )
    try:
        _, columns = linear_sum_assignment(gains, maximize=True)
    except ValueError as error:
        raise AssignmentError(
            f"{place}: no way to give each of its {wells} wells one allowed class ({error}); raise the "
            "capacity or give an unassigned score"
        ) from error
    labels: NDArray[np.int64] = slots[columns].astype(np.int64)
    return labels
