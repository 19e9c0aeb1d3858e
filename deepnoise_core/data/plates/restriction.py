"""A plate holds one group of classes: find it, and exclude all other classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates.arrangement import THRESHOLD, Arrangements, estimate_arrangement
from deepnoise_core.data.plates.evidence import EvidenceKind, plate_evidence
from deepnoise_core.data.plates.layout import block_of, plates_of

_Score = TypeVar("_Score", bound=np.floating[Any])

UNKNOWN_GROUP = -1
"""Group of a row whose experiment's arrangement is unknown."""


@dataclass(frozen=True)
class PlateGroups:
    """The group that each plate was found to hold.

    Attributes:
        of_row: number of the group of each row's plate, int64 [N]; `UNKNOWN_GROUP` where unknown.
        arrangement: experiment → plate → group; None where unknown.
        margin: experiment → lead of the arrangement over the runner-up, in evidence a well; inf where the
            arrangement was given or is the only one allowed.
        certainty: experiment → the same lead in standard errors.
    """

    of_row: NDArray[np.int64]
    arrangement: Mapping[str, Mapping[str, int] | None]
    margin: Mapping[str, float]
    certainty: Mapping[str, float]


def find_plate_groups(
    scores: NDArray[np.floating[Any]],
    *,
    experiment: ArrayLike,
    plate: ArrayLike,
    groups: Sequence[Collection[int]],
    arrangements: Arrangements = "cyclic",
    known: Mapping[str, Mapping[str, int]] | None = None,
    threshold: float = THRESHOLD,
    evidence: EvidenceKind = "mass",
) -> PlateGroups:
    """Estimate the arrangement of every experiment from the scores [N, K] of its wells.

    Args:
        scores: logits or log-probabilities; -inf excludes a class.
        experiment: of each well, [N].
        plate: of each well, [N].
        groups: disjoint sets of class indices that cover all K.
        arrangements: maps from plates to groups to choose from.
        known: experiment → plate → group, where it need not be estimated; `UNKNOWN_GROUP` where nobody knows.
        threshold: smallest believed lead, in standard errors; with 0 the best is always believed.
        evidence: what wells say of groups, see `plate_evidence`.

    Raises:
        AssignmentError: scores are not numbers, groups are not a partition of the K classes, or `known`
            leaves out a plate or names no group.
    """
    check_scores(scores, experiment, plate)
    check_groups(groups, scores.shape[1])
    of_row = np.full(len(scores), UNKNOWN_GROUP, dtype=np.int64)
    arrangement: dict[str, Mapping[str, int] | None] = {}
    margin: dict[str, float] = {}
    certainty: dict[str, float] = {}
    for name, plates in plates_of(experiment, plate).items():
        if known is not None and name in known:
            found: tuple[int, ...] | None = _known_groups(known[name], list(plates), len(groups), name)
            margin[name] = certainty[name] = np.inf
        else:
            estimate = estimate_arrangement(
                [plate_evidence(block_of(scores, rows), groups, evidence) for rows in plates.values()],
                arrangements,
                threshold,
                place=f"experiment {name}",
            )
            found, margin[name], certainty[name] = estimate.groups, estimate.margin, estimate.certainty
        arrangement[name] = None if found is None else dict(zip(plates, found, strict=True))
        for rows, group in zip(plates.values(), found or (), strict=found is not None):
            of_row[rows] = group
    return PlateGroups(of_row, arrangement, margin, certainty)


def restrict(
    scores: NDArray[_Score], groups: Sequence[Collection[int]], of_row: NDArray[np.int64]
) -> NDArray[_Score]:
    """A copy of the scores [N, K] with -inf outside of each row's group; rows of unknown group stay."""
    restricted = scores.copy()
    for number in np.unique(of_row[of_row != UNKNOWN_GROUP]).tolist():
        outside = np.ones(scores.shape[1], dtype=bool)
        outside[sorted(groups[number])] = False
        restricted[np.ix_(of_row == number, outside)] = -np.inf
    return restricted


def check_groups(groups: Sequence[Collection[int]], num_classes: int) -> None:
    """Raise `AssignmentError` unless the groups are disjoint and cover classes 0 to `num_classes` - 1."""
    held: dict[int, int] = {}
    for number, group in enumerate(groups):
        if not isinstance(group, Collection) or not all(isinstance(label, int | np.integer) for label in group):
            raise AssignmentError(
                f"plate groups must be sets of class indices, whole numbers; group {number} is {group!r:.80}"
            )
        for label in sorted(set(group)):
            if label in held:
                raise AssignmentError(
                    f"plate groups must be disjoint; class {label} is in group {held[label]} and in "
                    f"group {number}"
                )
            held[label] = number
    if set(held) != set(range(num_classes)):
        wrong = sorted(set(held) ^ set(range(num_classes)))
        raise AssignmentError(
            f"plate groups must cover the {num_classes} classes of the scores and no other; "
            f"{len(wrong)} do not fit, the first is class {wrong[0]}"
        )


def check_scores(scores: NDArray[np.floating[Any]], experiment: ArrayLike, plate: ArrayLike) -> None:
    """Raise `AssignmentError` where shapes differ, a name lacks, or a score is NaN or +inf, with its row."""
    experiments, plates = np.asarray(experiment), np.asarray(plate)
    if scores.ndim != 2 or experiments.shape != (len(scores),) or plates.shape != (len(scores),):
        raise AssignmentError(
            f"scores must be [wells, classes] with one experiment and one plate a well; found scores "
            f"{scores.shape}, experiment {experiments.shape}, plate {plates.shape}"
        )
    for what, names in (("experiment", experiments), ("plate", plates)):
        rows = [row for row, name in enumerate(names.tolist()) if name is None or name == "" or name != name]
        if rows:
            raise AssignmentError(f"{len(rows)} rows have no {what}, the first is row {rows[0]}")
    faulty = ~(scores.max(axis=1, initial=-np.inf) < np.inf)
    if faulty.any():
        row = int(np.flatnonzero(faulty)[0])
        raise AssignmentError(
            f"scores must be finite, or -inf for an excluded class; {int(faulty.sum())} rows hold NaN or "
            f"+inf, the first is row {row} on plate {plates[row]} of experiment {experiments[row]}"
        )


def check_wells(well: ArrayLike, experiment: ArrayLike, plate: ArrayLike) -> None:
    """Raise `AssignmentError` where a well comes twice on a plate, or a name is missing for a row."""
    names = np.asarray(well)
    if names.shape != np.shape(experiment):
        raise AssignmentError(f"well must name one well a row; found {names.shape} for {np.shape(experiment)}")
    seen: dict[tuple[str, ...], int] = {}
    rows = zip(*(map(str, np.asarray(one).tolist()) for one in (experiment, plate, names)), strict=True)
    for row, place in enumerate(rows):
        first = seen.setdefault(place, row)
        if first != row:
            raise AssignmentError(
                f"well {place[2]} of plate {place[1]} of experiment {place[0]} comes twice, in rows {first} and "
                f"{row}; merge its sites before plates are assigned"
            )


def _known_groups(known: Mapping[str, int], plates: list[str], groups: int, experiment: str) -> tuple[int, ...]:
    for name in plates:
        if name not in known:
            raise AssignmentError(
                f"the known arrangement of experiment {experiment} says nothing of plate {name}"
            )
        if known[name] != UNKNOWN_GROUP and not 0 <= known[name] < groups:
            raise AssignmentError(
                f"the known arrangement of experiment {experiment} puts group {known[name]} on plate {name}, "
                f"but groups are numbered 0 to {groups - 1}"
            )
    return tuple(known[name] for name in plates)
