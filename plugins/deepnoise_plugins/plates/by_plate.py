"""Which wells and plates take part in a step that knows plates, and the stage `assigned` that comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions, Stage
from deepnoise_core.data.plates import check_wells, plates_of
from deepnoise_core.data.plates.restriction import check_scores
from deepnoise_core.data.scores import best_class


def bound_wells(predictions: Predictions, design: PlateDesign) -> NDArray[np.bool_]:
    """Whether each well takes part, bool [N]: not if it excludes every class, as controls do, or is not bound."""
    named: NDArray[np.bool_] = best_class(predictions.scores) != UNASSIGNED
    return named & design.binds(predictions.ids["role"])


def bound_plates(predictions: Predictions, design: PlateDesign) -> Iterator[tuple[NDArray[np.int64], str]]:
    """Rows of each plate, and its name for messages.

    Wells that take no part stay out.

    Raises:
        AssignmentError: a score is not a number, or a plate has a well twice.
    """
    rows = np.flatnonzero(bound_wells(predictions, design))
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
    note = f"{step} changed {changed} of {bound_wells(predictions, design).sum()} labels"
    return predictions.with_stage(
        Stage.ASSIGNED,
        labels,
        transductive=(*predictions.transductive, step),
        notes=(*predictions.notes, *notes, note),
        **changes,
    )
