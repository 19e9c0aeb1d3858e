"""Signal apart from noise in the embeddings of predictions, before and after steps that correct them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.evaluation import parts_of, predicted_screen, well_truth
from deepnoise.opening import filled_options
from deepnoise_core.contracts import Kind, PlateDesign, Predictions, Screen
from deepnoise_core.contracts.errors import InputError, PredictionsError
from deepnoise_core.contracts.protocols import PostProcessor
from deepnoise_core.data.names import did_you_mean
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.data.wells import merge_sites
from deepnoise_core.evaluation.disentanglement import Disentanglement, Factors, anchors, measure
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference

START = "as predicted"
"""Name of the embedding before any step."""

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
    predictions: Predictions, screen: Screen, steps: Steps, *, part: str | None = None, seed: int = 0
) -> Progress:
    """As `measure_folder`, of predictions in memory.

    Steps see all wells, controls too; what is measured are the treatments whose perturbation is known.
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
    said = len(wells.notes)
    for name, step in steps.items():
        before, wells = wells, step(wells, PlateDesign())
        if wells.embeddings is None or wells.embeddings is before.embeddings:
            raise PredictionsError(f"{name} changes no embeddings; name steps that do, such as center-scale")
        measured[name] = measure(wells.embeddings[counted], factors, seed=seed)
    return Progress(
        steps=measured,
        anchors=anchors(factors, dim=measured[START].features, seed=seed),
        notes=(*notes, *wells.notes[said:]),
    )


def named_steps(names: Sequence[str], options: Sequence[str], catalogue: Catalogue) -> dict[str, PostProcessor]:
    """Post-processors by name.

    Args:
        names: of components.
        options: of these, as `NAME.KEY=VALUE` with the value in YAML.
        catalogue: where they are found.

    Raises:
        InputError: an option is of no named step, or not one that the component has.
    """
    own: dict[str, list[str]] = {name: [] for name in names}
    for word in options:
        name, _, rest = word.partition(".")
        if name not in own:
            raise InputError(f"--option {word}: {name!r} is none of the steps{did_you_mean(name, names)}")
        own[name].append(rest)
    return {
        name: build(
            catalogue,
            Kind.POSTPROCESSOR,
            ComponentReference(name=name, options=filled_options(name, words, catalogue, Kind.POSTPROCESSOR)),
        )
        for name, words in own.items()
    }


def _counted(
    wells: Predictions, names: NDArray[Any], part: str | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    known = np.array([name is not None for name in names], dtype=bool) & may_be_treated(wells.ids["role"])
    parts = parts_of(wells)
    chosen = part or ("test" if (known & (parts == "test")).any() else "validation")
    of_part = known if chosen == "all" else known & (parts == chosen)
    if not of_part.any():
        raise PredictionsError(f"no treatment well of the part {chosen!r} has a known perturbation to measure by")
    notes = [f"measured on {of_part.sum():,} of {len(wells):,} wells: treatments with a label, part {chosen}"]
    if chosen in ("all", "train"):
        notes.append("the model was trained on some of these very wells: expect less signal in new ones")
    return np.flatnonzero(of_part), tuple(notes)
