"""Plate-balanced assignment of a whole screen: arrangement, restriction, one-to-one assignment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.contracts.predictions import UNASSIGNED
from deepnoise_core.data.plates.arrangement import THRESHOLD, Arrangements
from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.evidence import EvidenceKind
from deepnoise_core.data.plates.layout import block_of, plates_of
from deepnoise_core.data.plates.restriction import (
    UNKNOWN_GROUP,
    PlateGroups,
    check_scores,
    check_wells,
    find_plate_groups,
)
from deepnoise_core.data.scores import best_class, log_probabilities

Capacity = int | Sequence[int] | NDArray[np.integer] | Mapping[Any, ArrayLike]
"""How often a class may be used on a plate: one number, one a class, or these by (experiment, plate) or plate."""


@dataclass(frozen=True)
class PlateAssignment:
    """What `assign_plates` found; rows are those of the scores.

    Attributes:
        labels: assigned class index, int64 [N]; `UNASSIGNED` where a well stays without a class.
        raw: best class of the scores as given, int64 [N].
        restricted: best class within the group of the plate, int64 [N]; `raw` where that is unknown.
        changed: whether `labels` differs from `raw`, bool [N].
        arrangement: experiment → plate → number of its group; None where unknown. Empty without groups.
        margin: experiment → lead of its arrangement in evidence a well. Empty without groups.
        certainty: experiment → the same lead in standard errors, by which it is believed or not.
        objective: (experiment, plate) → sum of the scores of the assigned classes.
    """

    labels: NDArray[np.int64]
    raw: NDArray[np.int64]
    restricted: NDArray[np.int64]
    changed: NDArray[np.bool_]
    arrangement: Mapping[str, Mapping[str, int] | None]
    margin: Mapping[str, float]
    certainty: Mapping[str, float]
    objective: Mapping[tuple[str, str], float]


def assign_plates(
    scores: ArrayLike,
    *,
    experiment: ArrayLike,
    plate: ArrayLike,
    well: ArrayLike | None = None,
    groups: Sequence[Collection[int]] | None = None,
    arrangements: Arrangements = "cyclic",
    known: Mapping[str, Mapping[str, int]] | None = None,
    capacity: Capacity = 1,
    unassigned_score: float | None = None,
    threshold: float | None = None,
    evidence: EvidenceKind = "mass",
) -> PlateAssignment:
    """Give every well one class so that no plate uses a class more often than its design allows.

    Where class groups are known, each experiment's arrangement of groups over plates is estimated first and
    all other classes are excluded; an arrangement below the threshold is unknown, and excludes nothing. Never
    sees a label, and does not depend on the order of rows.

    Logits and log-probabilities are assigned alike, for a constant added to a well changes nothing where each
    well gets a class. Where wells may stay without one, scores become log-probabilities over the classes that
    their plate may hold, so that `unassigned_score` means the same for every well; and so does the objective.

    Args:
        scores: logits or log-probabilities of N wells over K classes, sites merged; -inf forbids a class.
        experiment: experiment of each well, [N].
        plate: plate of each well, unique within its experiment, [N].
        well: name of each well, [N], which may come once a plate; not looked at where None.
        groups: disjoint sets of class indices that cover all K classes; None where plates have none.
        arrangements: maps from plates to groups to choose from, see `Arrangements`.
        known: experiment → plate → group, where it need not be estimated.
        capacity: how often a class may be used on a plate.
        unassigned_score: log-probability of leaving a well without a class; None where each must get one.
        threshold: smallest believed lead of an arrangement, in standard errors; `THRESHOLD` where None.
        evidence: what wells say of groups: probability `mass`, or its logarithm, the marginal `likelihood`.

    Raises:
        AssignmentError: names the plate that has too many wells, a well twice, no solution, or scores that are
            no numbers; or says what is wrong with the groups.
    """
    table = _numbers(scores)
    groups = () if groups is None else groups
    if not len(groups):
        check_scores(table, experiment, plate)
        if known:
            raise AssignmentError("a known arrangement says which group a plate holds; give the groups too")
    if well is not None:
        check_wells(well, experiment, plate)
    if unassigned_score is not None and not np.isfinite(unassigned_score):
        raise AssignmentError(f"the unassigned score must be a finite number, not {unassigned_score}")
    found = PlateGroups(np.full(len(table), UNKNOWN_GROUP), {}, {}, {})
    if len(groups):
        found = find_plate_groups(
            table,
            experiment=experiment,
            plate=plate,
            groups=groups,
            arrangements=arrangements,
            known=known,
            threshold=THRESHOLD if threshold is None else threshold,
            evidence=evidence,
        )
    raw = best_class(table)
    restricted, labels = raw.copy(), np.full(len(table), UNASSIGNED, dtype=np.int64)
    objective: dict[tuple[str, str], float] = {}
    for experiment_name, plates in plates_of(experiment, plate).items():
        for plate_name, rows in plates.items():
            place = f"plate {plate_name} of experiment {experiment_name}"
            held = int(found.of_row[rows[0]])
            columns = np.arange(table.shape[1]) if held == UNKNOWN_GROUP else np.array(sorted(groups[held]))
            block = block_of(table, rows)
            block = block if held == UNKNOWN_GROUP else block.take(columns, axis=1)
            restricted[rows] = _names(best_class(block), columns)
            if unassigned_score is not None:
                block = log_probabilities(block)
            own = _capacity_of(capacity, (experiment_name, plate_name), table.shape[1], place)[columns]
            given = assign(block, capacity=own, unassigned_score=unassigned_score, place=place)
            labels[rows] = _names(given, columns)
            objective[experiment_name, plate_name] = _objective(block, given, unassigned_score)
    return PlateAssignment(
        labels, raw, restricted, labels != raw, found.arrangement, found.margin, found.certainty, objective
    )


def _numbers(scores: ArrayLike) -> NDArray[np.floating[Any]]:
    try:
        table = np.asarray(scores)
        if table.dtype.kind in "fbiuO":
            return table if table.dtype.kind == "f" else table.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise AssignmentError(f"scores must be a table of numbers, [wells, classes]: {error}") from error
    raise AssignmentError(f"scores must be a table of numbers, [wells, classes], not of {table.dtype}")


def _names(labels: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class indices of columns of a block; `UNASSIGNED` stays."""
    return np.where(labels == UNASSIGNED, UNASSIGNED, columns[labels] if len(columns) else UNASSIGNED)


def _capacity_of(capacity: Capacity, plate: tuple[str, str], classes: int, place: str) -> NDArray[np.int64]:
    chosen: object = capacity
    if isinstance(capacity, Mapping):
        key = plate if plate in capacity else plate[1]
        if key not in capacity:
            raise AssignmentError(
                f"no capacity is given for {place}; give it for each plate, by {plate} or {plate[1]!r}"
            )
        chosen = capacity[key]
    own = np.asarray(chosen)
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
