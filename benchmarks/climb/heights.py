"""From finished trainings to the accuracy of a rung."""

from __future__ import annotations

import json
from pathlib import Path

from climb.figures import Height
from climb.rungs import Rung
from climb.runs import Training, run_of, screen_of
from deepnoise.api import installed, open_screen
from deepnoise.ensembles import load_models
from deepnoise.evaluation import evaluate_predictions

STAGES = ("raw", "group", "assigned")


def height_of(rung: Rung, seed: int, cache: Path) -> Height:
    """Accuracy of a rung on the held-out experiments of a seed's screen."""
    screen = open_screen(screen_of(seed, cache))
    runs = [run_of(Training(rung.sets, seed, fold), cache) for fold in range(rung.folds)]
    model = load_models(runs, installed())
    predictions = model.predict(screen, part="test", tta=rung.views, device="cpu")
    evaluation = evaluate_predictions(predictions, screen, "perturbation")
    by = evaluation.by["experiment"]
    return Height(
        hits={stage: {name: own[stage] for name, own in by.items()} for stage in STAGES},
        accuracy={stage.value: one.accuracy for stage, one in evaluation.stages.items()},
        seconds=sum(seconds_of(run) for run in runs),
    )


def seconds_of(run: Path) -> float:
    """Time of a training, by its own count of each epoch."""
    return sum(json.loads(line)["seconds"] for line in (run / "metrics.jsonl").read_text().splitlines())
