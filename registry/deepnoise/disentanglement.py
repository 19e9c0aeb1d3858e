"""Signal apart from noise in the embeddings of predictions, before and after steps that correct them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.evaluation import parts_of, predicted_screen, well_truth
from deepnoise_core.contracts import PlateDesign, Predictions, ReferenceWells, Screen
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.protocols import PostProcessor
from deepnoise_core.data.plates import plates_of
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.data.statistics.levels import REFERENCE_ROLES
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.data.wells import merge_sites
from deepnoise_core.evaluation.disentanglement import Disentanglement, Factors, anchors, measure
from deepnoise_registry.catalogue import Catalogue

START = "as predicted"
"""Name of the embedding before any step."""

ENOUGH = 4
"""Reference wells that a plate needs to be measured by them."""

Steps = Mapping[str, PostProcessor]


@dataclass(frozen=True)
class Progress:
    """An embedding measured from step to step, with the anchors beside it.

    Attributes:
        steps: `as predicted`, then each step's name → the embedding after it and all before.
        anchors: name → an embedding of known content on the same wells.
        notes: what a reader of the figures must know.
    """

    steps: Mapping[str, Disentanglement]
    anchors: Mapping[str, Disentanglement]
    notes: tuple[str, ...]

    @property
    def all_notes(self) -> tuple[str, ...]:
        """The notes of all steps too: once where they hold for each, else with the step's name."""
        notes = {name: one.notes for name, one in self.steps.items()}
        shared = [note for note in notes[START] if all(note in own for own in notes.values())]
        single = (f"{name}: {note}" for name, own in notes.items() for note in own if note not in shared)
        return (*self.notes, *shared, *single)

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        parts = {"steps": self.steps, "anchors": self.anchors}
        measured = {key: {name: one.as_dict() for name, one in part.items()} for key, part in parts.items()}
        return {**measured, "notes": list(self.notes)}


def measure_folder(
    path: Path,
    catalogue: Catalogue,
    screen: Screen | None = None,
    *,
    steps: Steps | None = None,
    part: str | None = None,
    seed: int = 0,
) -> Progress:
    """Measure the embeddings of a folder of predictions by the labels of the screen that they were made from.

    Args:
        path: the folder.
        catalogue: where the screen's reader is found.
        screen: the screen, where it is no longer where it was predicted from.
        steps: name → post-processor of embeddings, each applied to what the one before left.
        part: wells that count: `all`, `train`, `validation` or `test`; those of `test` where they have labels,
            else of `validation`, where None.
        seed: of folds, intervals, nulls and anchors.

    Raises:
        PredictionsError: there are no embeddings, or no wells that count.
    """
    predictions, provenance = read_predictions(path)
    opened = predicted_screen(path, provenance, catalogue) if screen is None else screen
    return measure_steps(predictions, opened, steps or {}, part=part, seed=seed)


def measure_steps(
    predictions: Predictions,
    screen: Screen,
    steps: Steps,
    *,
    part: str | None = None,
    seed: int = 0,
    leave_out: bool = False,
) -> Progress:
    """As `measure_folder`, of predictions in memory.

    Steps see all wells, controls too; what is measured are the treatments whose perturbation is known. A step
    that cannot be fitted is an error, or with `leave_out` is left out with a note, and the others go on.
    """
    wells = merge_sites(predictions)
    if wells.embeddings is None:
        raise PredictionsError("these predictions hold no embeddings; predict again to measure them")
    names = well_truth(wells, screen, "perturbation")
    counted, notes = _counted(wells, names, part)
    factors = Factors(
        perturbation=names[counted],
        **{name: wells.ids[name][counted] for name in ("experiment", "plate", "well", "cell_type")},
    )
    measured = {START: measure(wells.embeddings[counted], factors, seed=seed)}
    for name, step in steps.items():
        try:
            corrected, embeddings = _corrected(wells, name, step)
            measured[name] = measure(embeddings[counted], factors, seed=seed)
        except PredictionsError as error:
            if not leave_out:
                raise
            notes.append(f"{name} is left out: {error}")
            continue
        used = [one for one in corrected.transductive if one not in wells.transductive]
        notes += [f"{name}: uses {one}" for one in used]
        notes += corrected.notes[len(wells.notes) :]
        wells = corrected
    return Progress(measured, anchors(factors, dim=measured[START].features, seed=seed), tuple(notes))


def usual_steps(predictions: Predictions) -> tuple[dict[str, Any], ...]:
    """Each plate centred and scaled, then all whitened, as a report does where nothing else is asked for.

    They measure by negative controls, where not every plate has four of these by all controls, else by all wells.
    """
    experiments = plates_of(predictions.ids["experiment"], predictions.ids["plate"]).values()
    plates = [rows for plates in experiments for rows in plates.values()]
    roles = predictions.ids["role"].astype(str)

    def suffices(reference: ReferenceWells) -> bool:
        counted = np.isin(roles, [role.value for role in REFERENCE_ROLES[reference]])
        return all(counted[rows].sum() >= ENOUGH for rows in plates)

    wanted: tuple[ReferenceWells, ...] = ("negative_controls", "controls")
    options = {"reference": next(filter(suffices, wanted), "all"), "minimum": ENOUGH}
    return {"name": "center-scale", "options": options}, {"name": "sphering", "options": options}


def _corrected(wells: Predictions, name: str, step: PostProcessor) -> tuple[Predictions, NDArray[np.floating]]:
    made = step(wells, PlateDesign())
    if made.embeddings is None or made.embeddings is wells.embeddings:
        raise PredictionsError(f"{name} changes no embeddings; name steps that do, such as center-scale")
    return made, made.embeddings


def _counted(wells: Predictions, names: NDArray[Any], part: str | None) -> tuple[NDArray[np.int64], list[str]]:
    known = np.array([name is not None for name in names], dtype=bool) & may_be_treated(wells.ids["role"])
    parts = parts_of(wells)
    chosen = part or ("test" if (known & (parts == "test")).any() else "validation")
    of_part = known if chosen == "all" else known & (parts == chosen)
    if not of_part.any():
        raise PredictionsError(f"no treatment well of the part {chosen!r} has a known perturbation to measure by")
    notes = [f"measured on {of_part.sum():,} of {len(wells):,} wells: treatments with a label, part {chosen}"]
    if chosen in ("all", "train"):
        notes.append("the model was trained on some of these very wells: expect less signal in new ones")
    return np.flatnonzero(of_part), notes
