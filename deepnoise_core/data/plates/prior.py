"""What the design of plates says of wells whose labels are unknown, as far as the scores let it be known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.contracts.predictions import PlateDesign
from deepnoise_core.data.plates.arrangement import THRESHOLD, Arrangements
from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.plates.restriction import UNKNOWN_GROUP, PlateGroups, find_plate_groups, restrict
from deepnoise_core.data.scores import best_class, log_probabilities

PlatePrior = Literal["none", "group", "assigned"]
"""Nothing, the group of classes that a plate holds, or that and one class a well."""


@dataclass(frozen=True)
class PlateLabels:
    """Labels that keep to the design of their plates where it is known.

    Attributes:
        labels: class index of each well, int64 [N].
        unbound: wells of whose plate the prior does not say all that it should; they have the best class of
            what it does say.
    """

    labels: NDArray[np.int64]
    unbound: int


def label_plates(
    scores: NDArray[np.floating[Any]],
    *,
    experiment: NDArray[Any],
    plate: NDArray[Any],
    design: PlateDesign,
    prior: PlatePrior = "assigned",
) -> PlateLabels:
    """The class of every well, by scores and prior.

    A class is asked for so often a plate, where the design says how often at most.

    Args:
        scores: logits of N wells that hold a treatment each, [N, K].
        experiment: of each well, [N].
        plate: of each well, [N].
        design: what labelled plates tell.
        prior: how much of it is used.
    """
    if prior == "none":
        return PlateLabels(best_class(scores), 0)
    allowed, known = restrict_to_groups(scores, experiment=experiment, plate=plate, design=design)
    labels = best_class(allowed)
    if prior == "group":
        return PlateLabels(labels, int((~known).sum()))
    assigned = np.zeros(len(scores), dtype=bool)
    if design.limit is not None:
        gains = log_probabilities(allowed)
        experiments = plates_of(experiment, plate).values()
        for rows in (rows for plates in experiments for rows in plates.values()):
            try:
                labels[rows] = assign(gains[rows], capacity=design.limit)
            except AssignmentError:  # More wells than places: such a plate is counted, not assigned.
                continue
            assigned[rows] = True
    bound = assigned & known if design.groups else assigned
    return PlateLabels(labels, int((~bound).sum()))


def restrict_to_groups(
    scores: NDArray[np.floating[Any]],
    *,
    experiment: NDArray[Any],
    plate: NDArray[Any],
    design: PlateDesign,
) -> tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]:
    """The scores [N, K] with -inf outside of each plate's group, and whether its group is known, bool [N].

    No group is known where labelled plates show none, or none in one cyclic order, and where an experiment's
    arrangement does not lead clearly. Classes in no group are those of wells without a treatment: controls.
    """
    if not design.groups or not (design.cyclic or design.known):
        return scores, np.zeros(len(scores), dtype=bool)
    found = find_design_groups(scores, experiment=experiment, plate=plate, design=design)
    return restrict(scores, design.groups, found.of_row), found.of_row != UNKNOWN_GROUP


def find_design_groups(
    scores: NDArray[np.floating[Any]],
    *,
    experiment: NDArray[Any],
    plate: NDArray[Any],
    design: PlateDesign,
    arrangements: Arrangements = "cyclic",
    threshold: float = THRESHOLD,
) -> PlateGroups:
    """The group of each plate, as the screen tells or else as the scores [N, K] let it be estimated.

    Classes in no group have no say: they are those of wells that the design does not bind.
    """
    held = np.array(sorted(set().union(*design.groups)))
    number = {int(label): position for position, label in enumerate(held)}
    return find_plate_groups(
        scores[:, held],
        experiment=experiment,
        plate=plate,
        groups=[frozenset(number[label] for label in group) for group in design.groups],
        arrangements=arrangements,
        known=design.known,
        threshold=threshold,
    )
