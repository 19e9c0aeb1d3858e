"""Evaluating predictions: the only place of the face where true labels are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.console import percent, print_note, print_table
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.data.targets import truth
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.evaluation.accuracy import Evaluation, accuracy_by_stage
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.screens import open_screen

_PARTS = ("train", "validation", "test")
_STAGE_MEANS = {
    Stage.RAW: "each well by itself",
    Stage.GROUP: "within the plate's group",
    Stage.ASSIGNED: "one class a well",
}


def evaluate_folder(path: Path, catalogue: Catalogue, screen: Screen | None = None) -> Evaluation:
    """Accuracy of a folder of predictions against the labels of the screen that they were made from.

    Wells that the model was trained or selected on are left out and counted in a note.

    Args:
        path: the folder.
        catalogue: where the screen's reader is found.
        screen: the screen, where it is no longer where it was predicted from.

    Raises:
        PredictionsError: the folder is malformed, no well has a label, or the screen lacks a predicted well.
    """
    predictions, provenance = read_predictions(path)
    opened = predicted_screen(path, provenance, catalogue) if screen is None else screen
    return evaluate_predictions(predictions, opened, str(provenance["target"]))


def predicted_screen(path: Path, provenance: Mapping[str, Any], catalogue: Catalogue) -> Screen:
    """The screen that a folder of predictions was made from, opened as it was then.

    Raises:
        PredictionsError: the screen is no longer where it was.
    """
    source = str(provenance["screen"])
    if "://" not in source and not Path(source).exists():
        raise PredictionsError(f"{path}: its screen {source} is not there; name it with --screen")
    reader = ComponentReference(
        name=str(provenance["reader"]), options=dict(provenance.get("reader_options", {}))
    )
    return open_screen(source, catalogue, reader)


def evaluate_predictions(predictions: Predictions, screen: Screen, target: str) -> Evaluation:
    """Accuracy of predictions in memory, of wells that the model has never seen with labels.

    Where the target is the perturbation, treatments alone count, unless controls are all there is.

    Where there are none with a label, the validation wells count instead, and a note says so.

    Raises:
        PredictionsError: no held-out well has a label, or the screen lacks a predicted well.
    """
    treated = may_be_treated(predictions.ids["role"])
    controls = 0
    if target == "perturbation" and treated.any():
        controls = int((~treated).sum())
        predictions = take_rows(predictions, np.flatnonzero(treated))
    names = well_truth(predictions, screen, target)
    parts = predictions.ids["part"]
    labelled = np.array([name is not None for name in names], dtype=bool)
    part = "test" if (labelled & (parts == "test")).any() else "validation"
    counted = np.flatnonzero(parts == part)
    evaluation = accuracy_by_stage(take_rows(predictions, counted), names[counted])
    if not evaluation.wells:
        raise PredictionsError(
            f"no well that the model was not trained on has a {target!r} that it knows; evaluation needs the "
            "labels of held-out wells"
        )
    others = [name for name in _PARTS if name != part and name in parts]
    notes = [f"left out {(parts == name).sum()} {name} wells" for name in others]
    if controls:
        notes.append(f"left out {controls} wells of controls")
    if part == "validation":
        notes.append("these are validation wells, by which the epoch was selected: expect less on new ones")
    return replace(evaluation, notes=(*evaluation.notes, *notes))


def well_truth(predictions: Predictions, screen: Screen, target: str) -> NDArray[Any]:
    """The true class name of each predicted well, or None where the screen does not tell, [N]."""
    by_well = dict(zip(screen.column("well_id"), truth(screen, target), strict=True))
    wells = predictions.ids["well_id"]
    missing = [well for well in wells if well not in by_well]
    if missing:
        raise PredictionsError(
            f"{screen.source}: lacks {len(missing)} of the {len(wells)} predicted wells, such as {missing[0]}; "
            "these predictions are of another screen"
        )
    return np.array([by_well[well] for well in wells], dtype=object)


def take_rows(predictions: Predictions, rows: NDArray[np.int64]) -> Predictions:
    """The predictions of these rows alone, in this order."""
    raw, embeddings = predictions.raw_scores, predictions.embeddings
    return replace(
        predictions,
        ids={name: column[rows] for name, column in predictions.ids.items()},
        scores=predictions.scores[rows],
        raw_scores=None if raw is None else raw[rows],
        stages={stage: labels[rows] for stage, labels in predictions.stages.items()},
        embeddings=None if embeddings is None else embeddings[rows],
        facts={name: column[rows] for name, column in predictions.facts.items()},
    )


def print_evaluation(evaluation: Evaluation) -> None:
    """Tables for a terminal: stages first, then cell types and experiments."""
    rows = [
        [stage.value, _STAGE_MEANS[stage], percent(one.accuracy), percent(one.balanced), percent(one.top[5])]
        for stage, one in evaluation.stages.items()
    ]
    rows.append(["chance", f"one of {evaluation.classes}", percent(evaluation.chance), "", ""])
    title = f"Accuracy of {evaluation.wells:,} held-out {evaluation.unit}s"
    print_table(title, ["stage", "labels", "accuracy", "balanced", "top 5"], rows)
    stages = [stage.value for stage in evaluation.stages]
    for column in ("cell_type", "experiment"):
        by = evaluation.by[column]
        rows = [
            [name, f"{own['wells']:.0f}", *(percent(own[stage]) for stage in stages)] for name, own in by.items()
        ]
        print_table(f"By {column.replace('_', ' ')}", [column, "wells", *stages], rows)
    for text in notes_of(evaluation):
        print_note(text)


def notes_of(evaluation: Evaluation) -> list[str]:
    """What a reader of the figures must know, a line each."""
    lines = [f"protocol {evaluation.protocol}, unit {evaluation.unit}"]
    if evaluation.transductive:
        lines.append(f"uses of the test screen: {', '.join(evaluation.transductive)}")
    if evaluation.unlabelled:
        lines.append(f"left out {evaluation.unlabelled} wells without a label")
    if evaluation.unseen_class:
        lines.append(f"left out {evaluation.unseen_class} wells of classes that the model never saw")
    return [*lines, *evaluation.notes]
