"""One class a well, no class more often than a plate's design allows."""

from __future__ import annotations

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.data.plates import assign_plates
from deepnoise_core.data.scores import log_probabilities
from deepnoise_core.data.wells import require_wells
from deepnoise_plugins.plates.by_plate import assigned, before_assignment, bound_wells, unchanged
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
        capacity = self.options.capacity or design.limit
        if capacity is None:
            return unchanged(predictions, "one-to-one assignment")
        labels, ids = before_assignment(predictions).copy(), predictions.ids
        bound = bound_wells(predictions, design)
        labels[bound] = assign_plates(
            log_probabilities(predictions.scores[bound]),
            experiment=ids["experiment"][bound],
            plate=ids["plate"][bound],
            well=ids["well_id"][bound],
            capacity=capacity,
            unassigned_score=self.options.unassigned_score,
        ).labels
        return assigned(predictions, design, labels, "plate assignment")
