"""One class a well, no class more often than a plate's design allows."""

from __future__ import annotations

import numpy as np

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions, Stage
from deepnoise_core.data.plates import assign_plates
from deepnoise_core.data.scores import best_class, log_probabilities
from deepnoise_core.data.wells import require_wells
from deepnoise_plugins.plates.options import BalancedOptions


class PlateBalanced:
    """Linear sum assignment on log-probabilities, plate by plate; classes excluded before stay excluded.

    How often a class may come is what the design says, one where no class repeats on a labelled training plate;
    where nothing is known the labels stay and a note says so, unless a capacity is given. Wells that exclude
    every class, as controls do, and wells that the design does not bind, take no part.
    """

    def __init__(self, options: BalancedOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Adds the stage `assigned`.

        Raises:
            PredictionsError: a row is a site.
            AssignmentError: a plate has too many wells, a well twice, or no solution; or a score is not a number.
        """
        predictions = require_wells(predictions, "plate-balanced")
        before = predictions.stages.get(Stage.GROUP, predictions.stages[Stage.RAW])
        capacity = self.options.capacity or design.limit
        if capacity is None:
            note = "classes repeat on training plates, so one-to-one assignment does not apply"
            return predictions.with_stage(Stage.ASSIGNED, before, notes=(*predictions.notes, note))
        labels, ids = before.copy(), predictions.ids
        bound = (best_class(predictions.scores) != UNASSIGNED) & design.binds(ids["role"])
        labels[bound] = assign_plates(
            log_probabilities(predictions.scores[bound]),
            experiment=ids["experiment"][bound],
            plate=ids["plate"][bound],
            well=ids["well_id"][bound],
            capacity=capacity,
            unassigned_score=self.options.unassigned_score,
        ).labels
        changed = int(np.count_nonzero(labels != before))
        return predictions.with_stage(
            Stage.ASSIGNED,
            labels,
            transductive=(*predictions.transductive, "plate assignment"),
            notes=(*predictions.notes, f"plate assignment changed {changed} of {bound.sum()} labels"),
        )
