"""Plate-balanced assignment of a whole screen: arrangement, restriction, one-to-one assignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.contracts.predictions import UNASSIGNED
from deepnoise_core.data.plates.arrangement import Arrangements
from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.plates.restriction import check_scores, find_plate_groups, restrict
from deepnoise_core.data.scores import best_class

Capacity = int | Sequence[int] | NDArray[np.integer] | Mapping[tuple[str, str], ArrayLike]
"""How often a class may be used on a plate: one number, one a class, or either by (experiment, plate)."""


@dataclass(frozen=True)
class PlateAssignment:
    """What `assign_plates` found; rows are those of the scores.

    Attributes:
        labels: assigned class index, int64 [N]; `UNASSIGNED` where a well stays without a class.
        raw: best class of the scores as given, int64 [N].
        restricted: best class within the group of the plate, int64 [N]; `raw` where that is unknown.
        changed: whether `labels` differs from `raw`, bool [N].
        arrangement: experiment → plate → number of its group; None where unknown. Empty without groups.
        margin: experiment → lead of its arrangement in probability mass a well. Empty without groups.
        objective: (experiment, plate) → sum of the scores of the assigned classes.
    """

    labels: NDArray[np.int64]
    raw: NDArray[np.int64]
    restricted: NDArray[np.int64]
    changed: NDArray[np.bool_]
    arrangement: Mapping[str, Mapping[str, int] | None]
    margin: Mapping[str, float]
    objective: Mapping[tuple[str, str], float]


def assign_plates(
    scores: ArrayLike,
    *,
    experiment: ArrayLike,
    plate: ArrayLike,
    groups: Sequence[frozenset[int]] = (),
    arrangements: Arrangements = "cyclic",
    known: Mapping[str, Mapping[str, int]] | None = None,
    capacity: Capacity = 1,
    unassigned_score: float | None = None,
    threshold: float = 0.001,
) -> PlateAssignment:
    """Give every well one class so that no plate uses a class more often than its design allows.

    Where class groups are known, each experiment's arrangement of groups over plates is estimated first and
    all other classes are excluded; an arrangement below the threshold is unknown, and excludes nothing.
    Scores are used as they are: merge sites into wells before, and give log-probabilities wherever some
    wells may stay unassigned.

    Args:
        scores: logits or log-probabilities of N wells over K classes; -inf forbids a class.
        experiment: experiment of each well, [N].
        plate: plate of each well, unique within its experiment, [N].
        groups: disjoint sets of class indices that cover all K classes; none where plates have none.
        arrangements: maps from plates to groups to choose from, see `Arrangements`.
        known: experiment → plate → group, where it need not be estimated.
        capacity: how often a class may be used on a plate.
        unassigned_score: score of leaving a well without a class; None where each must get one.
        threshold: smallest believed margin of an arrangement, in probability mass a well.

    Raises:
        AssignmentError: names the plate that has too many wells, no solution, or scores that are no numbers;
            or says what is wrong with the groups.
    """
    table = np.asarray(scores)
    table = table if np.issubdtype(table.dtype, np.floating) else table.astype(np.float64)
    check_scores(table, experiment, plate)
    if unassigned_score is not None and not np.isfinite(unassigned_score):
        raise AssignmentError(f"the unassigned score must be a finite number, not {unassigned_score}")
    arrangement: Mapping[str, Mapping[str, int] | None] = {}
    margin: Mapping[str, float] = {}
    allowed = table
    if groups:
        found = find_plate_groups(
            table,
            experiment=experiment,
            plate=plate,
            groups=groups,
            arrangements=arrangements,
            known=known,
            threshold=threshold,
        )
        arrangement, margin = found.arrangement, found.margin
        allowed = restrict(table, groups, found.of_row)
    labels = np.full(len(table), UNASSIGNED, dtype=np.int64)
    objective: dict[tuple[str, str], float] = {}
    for experiment_name, plates in plates_of(experiment, plate).items():
        for plate_name, rows in plates.items():
            block = allowed[rows]
            labels[rows] = assign(
                block,
                capacity=_capacity_of(capacity, experiment_name, plate_name, table.shape[1]),
                unassigned_score=unassigned_score,
                place=f"plate {plate_name} of experiment {experiment_name}",
            )
            objective[experiment_name, plate_name] = _objective(block, labels[rows], unassigned_score)
    raw = best_class(table)
    return PlateAssignment(labels, raw, best_class(allowed), labels != raw, arrangement, margin, objective)


def _capacity_of(capacity: Capacity, experiment: str, plate: str, classes: int) -> NDArray[np.int64]:
    place = f"plate {plate} of experiment {experiment}"
    if isinstance(capacity, Mapping) and (experiment, plate) not in capacity:
        raise AssignmentError(f"no capacity is given for {place}")
    own = np.asarray(capacity[experiment, plate] if isinstance(capacity, Mapping) else capacity)
    if own.shape not in ((), (classes,)) or not np.issubdtype(own.dtype, np.integer) or (own < 0).any():
        raise AssignmentError(
            f"the capacity of {place} must be one whole number, or one for each of the {classes} classes, "
            "none of them negative"
        )
    return np.broadcast_to(own.astype(np.int64), (classes,))


def _objective(scores: NDArray[np.floating], labels: NDArray[np.int64], unassigned_score: float | None) -> float:
    given = np.flatnonzero(labels != UNASSIGNED)
    total = float(scores[given, labels[given]].sum(dtype=np.float64))
    return total + (unassigned_score or 0.0) * (len(labels) - len(given))
