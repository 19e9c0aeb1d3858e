"""Restriction of each plate to its group of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import PlateDesign, Predictions, Stage
from deepnoise_core.data.plates import UNKNOWN_GROUP, PlateGroups, check_wells, find_design_groups, restrict
from deepnoise_core.data.scores import best_class
from deepnoise_core.data.wells import require_wells
from deepnoise_plugins.plates.by_plate import bound_wells
from deepnoise_plugins.plates.options import GroupOptions


class PlateGroup:
    """Finds which group each plate of an experiment holds, and excludes all other classes.

    The groups are those of the training plates; which plate holds which the screen tells, as the recipe's
    `design.sets` says, or is estimated from the scores alone.
    Where plates show no groups, or the best order does not lead clearly, labels stay and a note says so. Wells
    that exclude every class, as controls do, and wells that the design does not bind have no say and no group.
    """

    def __init__(self, options: GroupOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Adds the stage `group`; and the facts `plate_group`, `arrangement`, and its `_margin` and `_certainty`.

        Raises:
            PredictionsError: a row is a site.
            AssignmentError: a score is not a number.
        """
        predictions = require_wells(predictions, "plate-group")
        obstacle = self._obstacle(design, len(predictions.classes))
        if obstacle:
            labels, notes = predictions.stages[Stage.RAW], (*predictions.notes, obstacle)
            return predictions.with_stage(Stage.GROUP, labels, notes=notes)
        heard = bound_wells(predictions, design)
        experiment, plate = (predictions.ids[name][heard] for name in ("experiment", "plate"))
        check_wells(predictions.ids["well_id"][heard], experiment, plate)
        found = find_design_groups(
            predictions.scores[heard],
            experiment=experiment,
            plate=plate,
            design=design,
            arrangements=self.options.arrangements,
            threshold=self.options.threshold,
        )
        of_row = np.full(len(heard), UNKNOWN_GROUP, dtype=np.int64)
        of_row[heard] = found.of_row
        allowed = restrict(predictions.scores, design.groups, of_row)
        used = ("plate group",) if (of_row != UNKNOWN_GROUP).any() else ()
        return predictions.with_stage(
            Stage.GROUP,
            best_class(allowed),
            scores=allowed,
            raw_scores=predictions.unrestricted,
            transductive=(*predictions.transductive, *used),
            notes=(*predictions.notes, *self._notes(found)),
            facts={**predictions.facts, **_facts(found, of_row, predictions.ids["experiment"])},
        )

    def _obstacle(self, design: PlateDesign, num_classes: int) -> str:
        """Why no plate can be restricted; empty where one can."""
        if not design.groups:
            return "the training plates show no groups of classes, so no plate is restricted to one"
        unseen = num_classes - sum(len(group) for group in design.groups)
        if unseen and not design.roles:
            return f"{unseen} classes are on no training plate, so no plate is restricted to a group"
        if self.options.arrangements == "cyclic" and not (design.cyclic or design.known):
            return (
                "the training experiments do not show one cyclic order of plate groups, so no plate is "
                "restricted to one; set the option arrangements to all if any order is possible"
            )
        return ""

    def _notes(self, found: PlateGroups) -> list[str]:
        unclear = [
            f"experiment {name}: the order of its plate groups leads by {found.certainty[name]:.2g} standard "
            f"errors, below the threshold of {self.options.threshold:g}, so its plates are not restricted"
            for name, arrangement in found.arrangement.items()
            if arrangement is None
        ]
        foreign = [
            f"plate {plate} of experiment {name} holds a set of classes that is on no training plate, so it is "
            "not restricted"
            for name, arrangement in found.arrangement.items()
            for plate, group in (arrangement or {}).items()
            if group == UNKNOWN_GROUP
        ]
        return unclear + foreign


def _facts(found: PlateGroups, of_row: NDArray[np.int64], experiments: NDArray[Any]) -> dict[str, NDArray[Any]]:
    names = [str(name) for name in experiments]
    orders = {name: _order(arrangement) for name, arrangement in found.arrangement.items()}
    return {
        "plate_group": of_row,
        "arrangement": np.array([orders.get(name, _order(None)) for name in names], dtype=object),
        "arrangement_margin": np.array([found.margin.get(name, 0.0) for name in names], dtype=np.float64),
        "arrangement_certainty": np.array([found.certainty.get(name, 0.0) for name in names], dtype=np.float64),
    }


def _order(arrangement: Mapping[str, int] | None) -> str:
    """Groups in the order of plates, as in `2-3-0-1`."""
    return "unknown" if arrangement is None else "-".join(str(group) for group in arrangement.values())
