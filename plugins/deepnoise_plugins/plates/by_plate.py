"""The plates of predictions one after the other, and the stage `assigned` that comes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions, Stage
from deepnoise_core.data.plates import check_wells, plates_of
from deepnoise_core.data.plates.restriction import check_scores
from deepnoise_core.data.scores import best_class


def bound_plates(predictions: Predictions, design: PlateDesign) -> Iterator[tuple[NDArray[np.int64], str]]:
    """Rows of each plate, and its name for messages.

    Wells that exclude every class, as controls do, and wells that the design does not bind stay out.

    Raises:
        AssignmentError: a score is not a number, or a plate has a well twice.
    """
    rows = np.flatnonzero(_bound(predictions, design))
    well, experiment, plate = (predictions.ids[name][rows] for name in ("well_id", "experiment", "plate"))
    check_scores(predictions.scores[rows], experiment, plate)
    check_wells(well, experiment, plate)
    for experiment_name, plates in plates_of(experiment, plate).items():
        for plate_name, own in plates.items():
            yield rows[own], f"plate {plate_name} of experiment {experiment_name}"


def before_assignment(predictions: Predictions) -> NDArray[np.int64]:
    """Labels of the group, and the raw ones where no step looked for groups."""
    return predictions.stages.get(Stage.GROUP, predictions.stages[Stage.RAW])


def unchanged(predictions: Predictions, step: str) -> Predictions:
    """Stage `assigned` with the labels as they were, and a note that classes repeat on plates."""
    note = f"classes repeat on training plates, so {step} does not apply"
    labels = before_assignment(predictions)
    return predictions.with_stage(Stage.ASSIGNED, labels, notes=(*predictions.notes, note))


def assigned(
    predictions: Predictions,
    design: PlateDesign,
    labels: NDArray[np.int64],
    step: str,
    notes: tuple[str, ...] = (),
    **changes: Any,
) -> Predictions:
    """Stage `assigned`; says that the step used whole plates, and how many labels it changed."""
    changed = int(np.count_nonzero(labels != before_assignment(predictions)))
    note = f"{step} changed {changed} of {_bound(predictions, design).sum()} labels"
    return predictions.with_stage(
        Stage.ASSIGNED,
        labels,
        transductive=(*predictions.transductive, step),
        notes=(*predictions.notes, *notes, note),
        **changes,
    )


def _bound(predictions: Predictions, design: PlateDesign) -> NDArray[np.bool_]:
    bound: NDArray[np.bool_] = best_class(predictions.scores) != UNASSIGNED
    return bound & design.binds(predictions.ids["role"])
