"""Probabilities that keep to what a plate can hold, instead of one class a well."""

from __future__ import annotations

import numpy as np

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions
from deepnoise_core.data.plates import assign_softly
from deepnoise_core.data.scores import best_class, log_probabilities
from deepnoise_core.data.wells import require_wells
from deepnoise_plugins.plates.by_plate import assigned, before_assignment, bound_plates, unchanged
from deepnoise_plugins.plates.options import TransportOptions


class PlateTransport:
    """Soft assignment by optimal transport, plate by plate; classes excluded before stay excluded.

    A well is named its most probable class, so that a class may come twice: with calibrated logits that is right
    at least as often as `plate-balanced`, and more often while many wells are wrong. Put `plate-balanced` after
    it for labels that come once. Where it is not known how often a class may come, labels and scores stay and a
    note says so.
    """

    def __init__(self, options: TransportOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Adds the stage `assigned` and the fact `assigned_confidence`; scores give the new probabilities.

        Raises:
            PredictionsError: a row is a site.
            AssignmentError: a plate has too many wells, a well twice, or no solution; or a score is not a number.
        """
        predictions = require_wells(predictions, "plate-transport")
        capacity = self.options.capacity or design.limit
        if capacity is None:
            return unchanged(predictions, "soft assignment")
        fitted = predictions.temperature or 1.0
        logs = log_probabilities(predictions.scores / (self.options.temperature or fitted))
        labels, scores = before_assignment(predictions).copy(), predictions.scores.copy()
        confidence, notes = np.exp(logs.max(axis=1, initial=-np.inf)), []
        for rows, place in bound_plates(predictions, design):
            found = assign_softly(
                logs[rows],
                capacity=capacity,
                unassigned_score=self.options.unassigned_score,
                entropy=self.options.entropy,
                tolerance=self.options.tolerance,
                iterations=self.options.iterations,
                place=place,
            )
            highest = found.log_plan.max(axis=1)
            labels[rows] = np.where(highest < found.log_unassigned, UNASSIGNED, best_class(found.log_plan))
            confidence[rows] = np.exp(np.maximum(highest, found.log_unassigned))
            scores[rows] = fitted * found.log_plan  # Whoever reads probabilities divides by it.
            if found.unsettled > self.options.tolerance:
                notes.append(f"{place}: soft assignment stopped while {found.unsettled:.2g} wells were unsettled")
        return assigned(
            predictions,
            design,
            labels,
            "soft plate assignment",
            tuple(notes),
            scores=scores,
            raw_scores=predictions.unrestricted,
            facts={**predictions.facts, "assigned_confidence": confidence},
        )
