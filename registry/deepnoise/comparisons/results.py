"""Results: evaluations with the recipe and seed that they came from, from wherever users keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepnoise.cards import CARD
from deepnoise.evaluation import evaluate_folder
from deepnoise.series import RECORD as SERIES
from deepnoise.sweeps.record import RECIPE, read_sweep
from deepnoise.sweeps.record import RECORD as SWEEP
from deepnoise.sweeps.trial import EVALUATION, PREDICTIONS
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import PredictionsError, first_fault
from deepnoise_core.data.names import some_of
from deepnoise_core.data.prediction_table import RECORD as PREDICTED
from deepnoise_core.evaluation.judgement import Judgement, read_judgements
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.document import parse_document
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash


@dataclass(frozen=True)
class Result:
    """One evaluation.

    Attributes:
        path: where it is.
        judgement: what came of it.
        recipe: the filled recipe in JSON types; None where it is not at hand.
    """

    path: Path
    judgement: Judgement
    recipe: Mapping[str, Any] | None


def gather(
    paths: Sequence[Path], catalogue: Catalogue, screen: Screen | None = None
) -> tuple[list[Result], list[str]]:
    """The results in sweeps, runs, series, folders of predictions and JSON files of evaluations.

    Args:
        paths: of any of these; a run holds its predictions or their evaluation.
        catalogue: where the readers of screens are found.
        screen: the one with the labels, where it is no longer where it was predicted from.

    Returns:
        The results in their order, and a note on trials of sweeps that have none.

    Raises:
        PredictionsError: a path is nothing of the kind, a run has no predictions, or a file is malformed.
    """
    results, lacking = list[Result](), list[str]()
    for path in paths:
        if not (path / SWEEP).is_file():
            results.append(_result(path, catalogue, screen))
            continue
        for trial in read_sweep(path).trials:
            if (path / trial.path / EVALUATION).is_file():
                results.append(_result(path / trial.path, catalogue, screen))
            else:
                lacking.append(f"{path / trial.path} ({trial.state})")
    notes = [f"left out {len(lacking)} trials that have no evaluation: {some_of(lacking)}"] if lacking else []
    return results, notes


def _result(path: Path, catalogue: Catalogue, screen: Screen | None) -> Result:
    if path.is_file():
        return _with_recipe(path, _read(path), [path.parent / RECIPE])
    if (path / PREDICTED).is_file():
        judgement = Judgement.model_validate(evaluate_folder(path, catalogue, screen).as_dict())
        return _with_recipe(path, judgement, [path.parent / RECIPE])
    if not any((path / card).is_file() for card in (CARD, SERIES)):
        raise PredictionsError(
            f"{path}: is no sweep, run, folder of predictions or JSON file of deepnoise evaluate --out"
        )
    if (path / EVALUATION).is_file():
        judgement = _read(path / EVALUATION)
    elif (path / PREDICTIONS).is_dir():
        judgement = Judgement.model_validate(evaluate_folder(path / PREDICTIONS, catalogue, screen).as_dict())
    else:
        raise PredictionsError(
            f"{path}: has no predictions; first deepnoise predict {path} --screen PATH --part test "
            f"--out {path / PREDICTIONS}"
        )
    found = _with_recipe(path, judgement, [path / RECIPE])
    made_by = judgement.made_by.get("recipe_sha256")
    if found.recipe is None and made_by is not None:
        raise PredictionsError(f"{path}: its predictions were made with another recipe than its {RECIPE}")
    # The predictions of a series name no recipe, since those of its parts are many.
    return found if found.recipe else Result(path, judgement, _recipe(path / RECIPE).model_dump(mode="json"))


def _with_recipe(path: Path, judgement: Judgement, places: Sequence[Path]) -> Result:
    """The result, with the first of the recipes at some places that the predictions were made with."""
    wanted = judgement.made_by.get("recipe_sha256")
    recipes: Iterator[Recipe] = (_recipe(place) for place in places if wanted and place.is_file())
    recipe = next((one for one in recipes if recipe_hash(one) == wanted), None)
    return Result(path, judgement, recipe.model_dump(mode="json") if recipe else None)


def _recipe(path: Path) -> Recipe:
    document = parse_document(path.read_text(), str(path))
    try:
        return Recipe.model_validate(document.value)
    except ValidationError as error:
        raise PredictionsError(f"{path}: {first_fault(error)}") from error


def _read(path: Path) -> Judgement:
    found = read_judgements(path)
    if len(found) != 1:
        raise PredictionsError(
            f"{path}: holds the evaluations of {len(found)} folders of predictions; give those of one a file"
        )
    return next(iter(found.values()))
