"""The demo: what DeepNoise's ingredients are worth on a screen whose truth is known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.api import installed
from deepnoise.console import percent, print_note, print_table
from deepnoise.evaluation import evaluate_predictions, well_truth
from deepnoise.evaluation_text import notes_of
from deepnoise.model import load_model
from deepnoise.pictures.montage import draw_montage
from deepnoise.pictures.plate_map import draw_plate_maps
from deepnoise.prediction import write_folder
from deepnoise.reports.page import write_report
from deepnoise.simulation import simulated_screen, write_simulated
from deepnoise.training import train_run
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.data.files import refuse_taken, replace_file
from deepnoise_core.data.simulator import SimulatedScreen
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer
from deepnoise_core.evaluation.accuracy import Evaluation
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.screens import open_screen


@dataclass(frozen=True)
class Contender:
    """One recipe trained on the demo's screen.

    Attributes:
        name: what it is, in words.
        folder: name of its run's folder.
        sets: changes to the demo's recipe.
    """

    name: str
    folder: str
    sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Demonstration:
    """How one contender did with one seed on the held-out experiments."""

    contender: Contender
    seed: int
    evaluation: Evaluation
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Accuracy by stage, chance, wells and time, in JSON types."""
        stages = {stage.value: self.evaluation.stages[stage].accuracy for stage in Stage}
        facts = {"chance": self.evaluation.chance, "wells": self.evaluation.wells, "seconds": self.seconds}
        return {"recipe": self.contender.name, "seed": self.seed, **stages, **facts}


CONTENDERS = (
    Contender("supervised, raw images", "baseline", ("strategy=supervised", "normalizer=none")),
    Contender("supervised, per plate", "supervised", ("strategy=supervised",)),
    Contender("mean teacher, per plate", "deepnoise"),
)
"""From nothing to the recipe as it is, one ingredient at a time."""

REPORT = "report.html"
"""Name of the page about the last contender."""


def demonstrate(
    out: Path, preset: str, seeds: Iterable[int], *, device: DeviceName, observer: Observer
) -> list[Demonstration]:
    """Simulate, train and predict each contender with each seed.

    Writes a run with predictions, curves and plate maps of each, and all figures as `accuracy.json`. Of the first
    seed it also writes the screen as images, and the report of the last contender.

    Args:
        out: folder to write; must not hold anything.
        preset: name of both a simulator preset and a built-in recipe.
        seeds: seeds of screen and training.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
    """
    refuse_taken(out, "a demo")
    catalogue = installed()
    shown = []
    for number, seed in enumerate(seeds):
        folder = out if number == 0 else out / f"seed-{seed}"
        started = time.perf_counter()
        simulated = simulated_screen(preset, seed=seed, observer=observer)
        screen: Screen = simulated
        observer.note(
            f"simulated {len(simulated):,} sites with seed {seed} in {time.perf_counter() - started:.0f} s"
        )
        if number == 0:
            screen = _written(simulated, out / "screen", catalogue, observer)
            draw_montage(screen, out / "sites.png")
        for contender in CONTENDERS:
            observer.note(f"\n{contender.name}")
            started = time.perf_counter()
            evaluation = _train_and_predict(
                contender, preset, seed, screen, folder / contender.folder, catalogue, device, observer
            )
            shown.append(Demonstration(contender, seed, evaluation, time.perf_counter() - started))
        if number == 0:
            write_report(folder / CONTENDERS[-1].folder, out / REPORT, catalogue, observer=observer)
    replace_file(out / "accuracy.json", json.dumps([one.as_dict() for one in shown], indent=2))
    return shown


def print_demonstration(shown: Sequence[Demonstration], out: Path) -> None:
    """The table that the demo ends with: accuracy of held-out experiments by stage, beside chance."""
    stages = [stage.value for stage in Stage]
    rows = [
        [
            one.contender.name,
            str(one.seed),
            *(percent(one.evaluation.stages[stage].accuracy) for stage in Stage),
            percent(one.evaluation.chance),
            f"{one.seconds:.0f} s",
        ]
        for one in shown
    ]
    if len({one.seed for one in shown}) > 1:
        rows += [_mean_row(contender, shown) for contender in CONTENDERS]
    last = shown[-1].evaluation
    title = f"Accuracy on held-out experiments (about {last.wells} wells each)"
    print_table(title, ["recipe", "seed", *stages, "chance", "time"], rows)
    for line in notes_of(last):
        print_note(line)
    print_note(
        f"open {out / REPORT} in a browser; look at {out}/sites.png, {out}/deepnoise/curves.png and "
        f"{out}/deepnoise/predictions/plates/; the screen is in {out}/screen, "
        f"the figures are in {out}/accuracy.json"
    )


def _mean_row(contender: Contender, shown: Sequence[Demonstration]) -> list[str]:
    own = [one for one in shown if one.contender == contender]
    means = [np.mean([one.evaluation.stages[stage].accuracy for one in own]) for stage in Stage]
    chance = own[0].evaluation.chance
    return [contender.name, "mean", *(percent(float(mean)) for mean in means), percent(chance), ""]


def _written(screen: SimulatedScreen, out: Path, catalogue: Catalogue, observer: Observer) -> Screen:
    """The screen with its images in memory, known by the folder that it was written to.

    What is predicted of it can then be evaluated and reported later.
    """
    write_simulated(screen, out, observer)
    written = open_screen(out, catalogue)
    return replace(screen, source=written.source, reader=written.reader)


def _train_and_predict(
    contender: Contender,
    preset: str,
    seed: int,
    screen: Screen,
    out: Path,
    catalogue: Catalogue,
    device: DeviceName,
    observer: Observer,
) -> Evaluation:
    recipe, _ = read_recipe(preset, catalogue, sets=(*contender.sets, f"seed={seed}"))
    run = train_run(recipe, screen, out, catalogue, device=device, observer=observer)
    model = load_model(run.path, catalogue)
    predictions = model.predict(screen, part="test", device=device, observer=observer)
    write_folder(predictions, out / "predictions", model, screen)
    correct = _correct(predictions, screen, recipe.data.target)
    draw_plate_maps(predictions, out / "predictions" / "plates", correct=correct)
    return evaluate_predictions(predictions, screen, recipe.data.target)


def _correct(predictions: Predictions, screen: Screen, target: str) -> NDArray[np.bool_]:
    last = list(predictions.stages.values())[-1]
    named = np.array(predictions.classes, dtype=object)[last]
    return np.asarray(named == well_truth(predictions, screen, target), dtype=bool)
