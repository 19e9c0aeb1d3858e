"""Evaluating predictions: the only place of the face where true labels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import PredictionsError, first_fault
from deepnoise_core.data.names import natural_key, some_of
from deepnoise_core.data.paths import is_url
from deepnoise_core.data.prediction_table import RECORD, read_predictions
from deepnoise_core.data.targets import truth
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.evaluation.accuracy import TOP, Evaluation, accuracy_by_stage
from deepnoise_core.evaluation.comparison import Comparison, Judged, compare
from deepnoise_core.evaluation.protocols import Conduct, Protocol, protocol_of, require_protocol
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.screens import open_screen

_PARTS = ("train", "validation", "test")
_MADE_BY = ("model", "model_sha256", "manifest_sha256", "weights_sha256", "recipe_sha256")


def evaluate_folder(
    path: Path,
    catalogue: Catalogue,
    screen: Screen | None = None,
    *,
    protocol: Protocol | None = None,
    top: Sequence[int] = TOP,
) -> Evaluation:
    """Accuracy of a folder of predictions against the labels of the screen that they were made from.

    Wells that the model was trained or selected on are left out and counted in a note.

    Args:
        path: the folder.
        catalogue: where the screen's reader is found.
        screen: the screen, where it is no longer where it was predicted from.
        protocol: the rules that must have been kept; those that were where None.
        top: the numbers k of best scored classes among which a well's own is looked for.

    Raises:
        PredictionsError: the folder is malformed, no well has a label, the screen lacks a predicted well, or the
            rules of the protocol were not kept.
    """
    return judge_folder(path, catalogue, screen, protocol=protocol, top=top).evaluation


def compare_folders(
    paths: Sequence[Path],
    catalogue: Catalogue,
    screen: Screen | None = None,
    *,
    protocol: Protocol | None = None,
    top: Sequence[int] = TOP,
) -> Comparison:
    """Several folders of predictions side by side, each named by its path.

    Args:
        paths: two or more; all are compared with the first.
        catalogue: as of `evaluate_folder`, and so are the others.
        screen: where it is no longer where they were predicted from.
        protocol: the rules that must have been kept.
        top: the numbers k of best scored classes.

    Raises:
        PredictionsError: as of `evaluate_folder`, or the figures do not compare.
    """
    judged = {str(path): judge_folder(path, catalogue, screen, protocol=protocol, top=top) for path in paths}
    return compare(judged)


def judge_folder(
    path: Path,
    catalogue: Catalogue,
    screen: Screen | None = None,
    *,
    protocol: Protocol | None = None,
    top: Sequence[int] = TOP,
) -> Judged:
    """As `evaluate_folder`, and the rows that count with their truth."""
    predictions, provenance = read_predictions(path)
    opened = predicted_screen(path, provenance, catalogue) if screen is None else screen
    judged = judge(predictions, opened, origin_of(path, provenance).target, protocol=protocol, top=top)
    made_by = {name: str(provenance[name]) for name in _MADE_BY if name in provenance}
    return replace(judged, evaluation=replace(judged.evaluation, made_by=made_by))


class Origin(BaseModel):
    """What a folder's provenance says of the screen that its predictions were made from.

    Attributes:
        screen: where it was.
        reader: who opened it.
        reader_options: of that reader.
        target: column whose values are the classes.
    """

    model_config = ConfigDict(frozen=True)

    screen: str
    reader: str
    reader_options: dict[str, Any] = {}
    target: str


def origin_of(path: Path, provenance: Mapping[str, Any]) -> Origin:
    """What predictions in a folder were made from.

    Raises:
        PredictionsError: the provenance does not tell.
    """
    try:
        return Origin.model_validate(dict(provenance))
    except ValidationError as error:
        message = f"{path / RECORD}: provenance.{first_fault(error)}; predict again"
        raise PredictionsError(message) from error


def predicted_screen(path: Path, provenance: Mapping[str, Any], catalogue: Catalogue) -> Screen:
    """The screen that a folder of predictions was made from, opened as it was then.

    Raises:
        PredictionsError: the screen is no longer where it was, or the provenance does not tell.
    """
    origin = origin_of(path, provenance)
    if not is_at_hand(origin.screen):
        raise PredictionsError(f"{path}: its screen {origin.screen} is not there; name it with --screen")
    return open_screen(
        origin.screen, catalogue, ComponentReference(name=origin.reader, options=origin.reader_options)
    )


def is_at_hand(source: str) -> bool:
    """Whether the screen of predictions can be opened where it was; of a URL that is not known before."""
    return is_url(source) or Path(source).exists()


def evaluate_predictions(
    predictions: Predictions,
    screen: Screen,
    target: str,
    *,
    protocol: Protocol | None = None,
    top: Sequence[int] = TOP,
) -> Evaluation:
    """Accuracy of predictions in memory, of wells that the model has never seen with labels: see `judge`."""
    return judge(predictions, screen, target, protocol=protocol, top=top).evaluation


def judge(
    predictions: Predictions,
    screen: Screen,
    target: str,
    *,
    protocol: Protocol | None = None,
    top: Sequence[int] = TOP,
) -> Judged:
    """Predictions in memory against the truth, of wells that the model has never seen with labels.

    Where the target is the perturbation, treatments alone count, unless controls are all there is or the rows are
    sites, whose controls are classes like others. Where no such well has a label, the validation wells count
    instead, and a note says so.

    Args:
        predictions: wells or sites, with the column `part`.
        screen: what they were made from.
        target: column whose values are the classes.
        protocol: the rules that must have been kept; those that were where None.
        top: the numbers k of best scored classes among which a well's own is looked for.

    Raises:
        PredictionsError: no held-out well has a label, the screen lacks a predicted well, a row comes twice, a
            score is not a number, or the rules of the protocol were not kept.
    """
    unit = "site" if predictions.per_site else "well"
    treated = may_be_treated(predictions.ids["role"])
    notes = []
    if target == "perturbation" and treated.any() and unit == "well":
        if not treated.all():
            notes.append(f"left out {(~treated).sum()} wells of controls")
        predictions = predictions.take(np.flatnonzero(treated))
    names = well_truth(predictions, screen, target)
    parts = parts_of(predictions)
    labelled = np.array([name is not None for name in names], dtype=bool)
    part = "test" if (labelled & (parts == "test")).any() else "validation"
    others = [name for name in _PARTS if name != part and name in parts]
    notes = [*(f"left out {(parts == name).sum()} {name} {unit}s" for name in others), *notes]
    held_out = np.flatnonzero(parts == part)
    predictions, names = predictions.take(held_out), names[held_out]
    evaluation = accuracy_by_stage(predictions, names, top=top)
    if not evaluation.wells:
        raise PredictionsError(
            f"no {unit} that the model was not trained on has a {target!r} that it knows; evaluation needs the "
            "labels of held-out wells"
        )
    if part == "validation":
        notes.append(f"these are validation {unit}s, by which the epoch was selected: expect less on new ones")
        if predictions.temperature is not None:
            notes.append("the temperature was fitted on these very wells: expect worse calibration on new ones")
    known = set(predictions.classes)
    counted = np.flatnonzero([name in known for name in names])
    predictions, names = predictions.take(counted), names[counted]
    conduct = conduct_of(predictions, screen, target)
    if protocol is not None:
        require_protocol(protocol, conduct)
    evaluation = replace(
        evaluation,
        protocol=protocol or protocol_of(conduct),
        notes=(*evaluation.notes, *notes, *_empty_plates(screen, evaluation)),
        part=part,
        screen=screen.source,
    )
    return Judged(predictions, names, evaluation)


def parts_of(predictions: Predictions) -> NDArray[Any]:
    """What the model has seen of each row with its label: `train`, `validation` or `test`, which is nothing, [N].

    Raises:
        PredictionsError: nobody says.
    """
    if "part" not in predictions.ids:
        raise PredictionsError(
            "these predictions have no column 'part', which tells what the model was trained on; predict again"
        )
    return predictions.ids["part"]


def conduct_of(predictions: Predictions, screen: Screen, target: str) -> Conduct:
    """What was done to predict these rows, all of which count."""
    return Conduct(
        unit="site" if predictions.per_site else "well",
        target=target,
        classes=len(predictions.classes),
        controls=int((~may_be_treated(predictions.ids["role"])).sum()),
        channels=len(screen.channels),
        experiments=frozenset(map(str, predictions.ids["experiment"].tolist())),
        transductive=predictions.transductive,
    )


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


def _empty_plates(screen: Screen, evaluation: Evaluation) -> list[str]:
    """A note on the plates of the experiments at hand of which no well counts."""
    listed = {
        f"{experiment}/{plate}"
        for experiment, plate in screen.sites.select("experiment", "plate").unique().iter_rows()
        if experiment in evaluation.by["experiment"]
    }
    empty = sorted(listed - set(evaluation.by["plate"]), key=natural_key)
    return [f"{len(empty)} plates without a well that counts: {some_of(empty)}"] if empty else []
