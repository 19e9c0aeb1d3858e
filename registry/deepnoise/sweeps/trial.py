"""A trial: one training of a sweep, with its predictions and their evaluation in its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepnoise.ensembles import load_models
from deepnoise.evaluation import evaluate_folder
from deepnoise.model import PartName
from deepnoise.prediction import predict_folder
from deepnoise.series import resume, state_of, train_recipe
from deepnoise.tracking import tracked
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import replace_file
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.reading import parse_recipe

EVALUATION, PREDICTIONS = "evaluation.json", "predictions"


@dataclass(frozen=True)
class Trial:
    """What is to be done, in JSON types, so that another process can be told.

    Attributes:
        folder: of the run, or of the series where the recipe has stages or folds are asked for.
        recipe: filled, as YAML.
        screen: its path or URL.
        folds: as of `deepnoise train`.
        part: the wells that are predicted.
        judged: whether the screen has labels of such wells, so that predictions can be evaluated.
        device: `auto`, `cpu`, `cuda` or `mps`.
        track: names of the trackers that are told.
    """

    folder: str
    recipe: str
    screen: str
    folds: int | None
    part: PartName
    judged: bool
    device: DeviceName
    track: Sequence[str]

    @property
    def path(self) -> Path:
        """The folder as a path."""
        return Path(self.folder)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return state_of(self.path) == "finished" and (not self.judged or (self.path / EVALUATION).is_file())


def do_trial(trial: Trial, screen: Screen, catalogue: Catalogue, observer: Observer) -> None:
    """Train, predict and evaluate, as far as it is not done yet.

    Raises:
        InputError: anything that the user can mend.
    """
    _train(trial, screen, catalogue, tracked(observer, trial.track))
    if trial.judged and not (trial.path / EVALUATION).is_file():
        predictions = trial.path / PREDICTIONS
        if not predictions.is_dir():
            model = load_models([trial.path], catalogue, None, observer)
            predict_folder(model, screen, predictions, part=trial.part, device=trial.device, observer=observer)
        evaluation = evaluate_folder(predictions, catalogue, screen).as_dict()
        replace_file(trial.path / EVALUATION, json.dumps(evaluation, indent=2, ensure_ascii=False))


def accuracy_of(folder: Path) -> Mapping[str, float]:
    """Stage → accuracy of a trial that was evaluated; empty of another.

    Raises:
        ModelError: its file cannot be read.
    """
    path = folder / EVALUATION
    if not path.is_file():
        return {}
    try:
        stages: Mapping[str, Any] = json.loads(path.read_text())["stages"]
        return {stage: one["accuracy"] for stage, one in stages.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; remove it, and sweep again") from error


def _train(trial: Trial, screen: Screen, catalogue: Catalogue, observer: Observer) -> None:
    state = state_of(trial.path)
    if state == "started":
        resume(trial.path, screen, catalogue, device=trial.device, observer=observer)
    elif state == "waiting":
        # What a kill left here before the first checkpoint is nothing to go on with.
        shutil.rmtree(trial.path, ignore_errors=True)
        recipe, _ = parse_recipe(trial.recipe, f"the recipe of {trial.folder}", catalogue)
        train_recipe(
            recipe, screen, trial.path, catalogue, folds=trial.folds, device=trial.device, observer=observer
        )
