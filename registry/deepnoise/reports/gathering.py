"""What a report can tell of: predictions, the run that they came from, their screen, and its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepnoise.cards import CARD, read_card
from deepnoise.evaluation import is_at_hand, judge, origin_of, predicted_screen, well_truth
from deepnoise.series import RECORD as SERIES
from deepnoise.whereabouts import bundle_again
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import InputError, ModelError, PredictionsError
from deepnoise_core.data.prediction_table import RECORD as PREDICTIONS
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.evaluation.accuracy import Evaluation
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import Recipe

METRICS = "metrics.jsonl"
RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class Training:
    """A run as its folder tells of it.

    Attributes:
        path: the folder.
        card: its `run.json`.
        records: its `metrics.jsonl`, one record an epoch.
    """

    path: Path
    card: Mapping[str, Any]
    records: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Material:
    """Everything that the sections of one report are made of; what could not be had is None.

    Attributes:
        path: the folder that was asked about.
        predictions: N wells.
        provenance: where they came from.
        screen: what they were predicted from.
        truth: the true class name of each well, None where unknown, [N].
        evaluation: accuracy of the wells that the model never saw with labels.
        training: the run that the model came from.
        recipe: what it was trained by.
        recipe_text: the same as YAML.
        notes: what is missing, and why.
    """

    path: Path
    predictions: Predictions | None = None
    provenance: Mapping[str, Any] | None = None
    screen: Screen | None = None
    truth: NDArray[Any] | None = None
    evaluation: Evaluation | None = None
    training: Training | None = None
    recipe: Recipe | None = None
    recipe_text: str = ""
    notes: tuple[str, ...] = ()


def gather(path: Path, catalogue: Catalogue, screen: Screen | None = None) -> Material:
    """Read a run's folder with the `predictions` inside of it, or a folder of predictions with its run.

    Args:
        path: the folder.
        catalogue: where readers are found.
        screen: where the predicted one is no longer there.

    Raises:
        InputError: the folder is neither, or its predictions are malformed or of another screen.
    """
    if (path / PREDICTIONS).is_file():
        return _of_predictions(path, path, catalogue, screen)
    if (path / CARD).is_file():
        if (path / "predictions" / PREDICTIONS).is_file():
            return _of_predictions(path, path / "predictions", catalogue, screen)
        note = (
            f"This run has no predictions in {path / 'predictions'}. Make them with deepnoise predict {path} "
            f"--screen PATH --out {path / 'predictions'}, and the report will show wells and accuracy too."
        )
        recipe, text, notes = _recipe(path / RECIPE, catalogue)
        return Material(path, training=_training(path), recipe=recipe, recipe_text=text, notes=(note, *notes))
    if (path / SERIES).is_file():
        raise ModelError(f"{path}: holds a series of runs; predict with it, and report those predictions")
    raise PredictionsError(
        f"{path}: holds neither predictions ({PREDICTIONS}) nor a run ({CARD}); give the folder that "
        "deepnoise predict or deepnoise train wrote"
    )


def _of_predictions(path: Path, folder: Path, catalogue: Catalogue, screen: Screen | None) -> Material:
    predictions, provenance = read_predictions(folder)
    notes: list[str] = []
    if screen is None:
        screen, notes = _screen(folder, provenance, catalogue)
    truth, evaluation = None, None
    if screen is not None:
        target = origin_of(folder, provenance).target
        truth = well_truth(predictions, screen, target)
        try:
            evaluation = judge(predictions, screen, target).evaluation
        except PredictionsError as error:
            notes.append(f"No accuracy is shown: {error}.")
        if not any(truth):
            truth = None
    bundle, why = bundle_again(next(iter(provenance.get("members", [provenance]))))
    run = bundle.parent if bundle and "members" not in provenance and (bundle.parent / CARD).is_file() else None
    recipe, text, missing = _recipe(bundle / RECIPE, catalogue) if bundle else (None, "", [_no_recipe(why)])
    return Material(
        path=path,
        predictions=predictions,
        provenance=provenance,
        screen=screen,
        truth=truth,
        evaluation=evaluation,
        training=_training(run) if run else None,
        recipe=recipe,
        recipe_text=text,
        notes=(*notes, *missing),
    )


def _screen(folder: Path, provenance: Mapping[str, Any], catalogue: Catalogue) -> tuple[Screen | None, list[str]]:
    source = origin_of(folder, provenance).screen
    if is_at_hand(source):
        return predicted_screen(folder, provenance, catalogue), []
    note = (
        f"The screen {source} is no longer there, so this report shows neither images nor accuracy. Name its "
        "place with --screen PATH."
    )
    return None, [note]


def _training(path: Path) -> Training:
    try:
        lines = (path / METRICS).read_text().splitlines()
        records = tuple(json.loads(line) for line in lines)
    except FileNotFoundError:
        records = ()
    except (OSError, ValueError) as error:
        raise ModelError(f"{path / METRICS}: cannot be read: {error}") from error
    return Training(path, read_card(path / CARD), records)


def _recipe(file: Path, catalogue: Catalogue) -> tuple[Recipe | None, str, list[str]]:
    if not file.is_file():
        return None, "", [_no_recipe("the model's folder is no longer there")]
    text = file.read_text()
    try:
        return read_recipe(file, catalogue).recipe, text, []
    except InputError as error:
        return None, text, [f"The recipe is shown as it stands, without citations: {error}."]


def _no_recipe(why: str) -> str:
    return f"The recipe cannot be shown, since {why}."
