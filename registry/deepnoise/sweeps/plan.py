"""What a sweep consists of, all of it checked before anything is trained or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepnoise.model import PartName
from deepnoise.series import check_parts, parts_for
from deepnoise.sweeps.grid import Combination, Grid, combinations
from deepnoise.sweeps.record import SweepRecord, TrialRecord
from deepnoise.sweeps.trial import Trial
from deepnoise.tracking import require_trackers
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.splits import split
from deepnoise_core.data.targets import truth
from deepnoise_core.engine.devices import DeviceName
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.reading import RecipeReading, parse_recipe, recipe_text
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash
from deepnoise_registry.recipes.writing import recipe_to_yaml
from deepnoise_registry.screens import open_screen

_HEX_DIGITS = 12


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        recipe: filled, or the name or path of one.
        screen: path or URL of what is learned from.
        grid: what varies.
        seeds: how many seeds, from the recipe's own upwards.
        sets: changes to the recipe that all trials share, `KEY=VALUE` each.
        folds: train each trial as this many folds, which predict together.
        part: wells that are predicted: `all`, `train`, `validation` or `test`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        track: names of the trackers that are told of each training.
    """

    recipe: Recipe | str | Path
    screen: str
    grid: Grid
    seeds: int = 1
    sets: tuple[str, ...] = ()
    folds: int | None = None
    part: PartName = "test"
    device: DeviceName = "auto"
    track: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A sweep that can begin.

    Attributes:
        base: the recipe from which all others are made.
        record: what `sweep.json` is to hold.
        trials: folder within the sweep's → what is to be done in it.
        screens: the same folder → the screen, opened.
        notes: what a reader must know.
    """

    base: Recipe
    record: SweepRecord
    trials: Mapping[str, Trial]
    screens: Mapping[str, Screen]
    notes: tuple[str, ...]


def plan_sweep(request: Request, out: Path, catalogue: Catalogue) -> Plan:
    """Compose every combination of the grid with the screen; reads no pixel and writes nothing.

    Raises:
        InputError: names each combination that cannot be trained, or trains the very same as another.
        RecipeError: the recipe is wrong, or has no field of that key or value.
    """
    if request.seeds < 1:
        raise InputError(f"--seeds {request.seeds}: give at least 1")
    require_trackers(request.track)
    reading = _Reading(request, catalogue)
    base, notes = reading.recipe()
    seeds = range(base.seed, base.seed + request.seeds)
    records: list[TrialRecord] = []
    trials: dict[str, Trial] = {}
    screens: dict[str, Screen] = {}
    known: dict[str, Combination] = {}
    faults: list[str] = []
    for combination in combinations(request.grid):
        recipes = {seed: reading.recipe(*combination.sets, f"seed={seed}") for seed in seeds}
        notes = (*notes, *(note for one in recipes.values() for note in one.notes))
        recipe = recipes[seeds[0]].recipe
        try:
            screen = reading.screen(recipe)
            _check(recipe, combination, known, screen, request, catalogue)
        except InputError as error:
            faults.append(f"{combination.label}: {error}")
            continue
        judged = _has_labels(recipe, screen, request.part)
        for seed, (own, _) in recipes.items():
            path = f"{combination.slug}-seed-{seed}-{recipe_hash(own)[:_HEX_DIGITS]}"
            records.append(
                TrialRecord(path=path, values=dict(combination.values), seed=seed, recipe_sha256=recipe_hash(own))
            )
            trials[path] = _trial(request, out / path, own, judged=judged)
            screens[path] = screen
    if faults:
        raise InputError("\n".join(faults))
    if not all(trial.judged for trial in trials.values()):
        notes = (
            *notes,
            f"nothing is evaluated: the screen names no {base.data.target} of {request.part} wells",
        )
    opened = reading.screen(base)
    record = SweepRecord(
        recipe=base.name,
        recipe_sha256=recipe_hash(base),
        screen=opened.source,
        sites=len(opened),
        part=request.part,
        folds=request.folds,
        grid={key: list(values) for key, values in request.grid.items()},
        seeds=list(seeds),
        trials=records,
    )
    return Plan(base, record, trials, screens, tuple(dict.fromkeys(notes)))


class _Reading:
    """Reads recipe and screen, each variety of them once."""

    def __init__(self, request: Request, catalogue: Catalogue) -> None:
        given = request.recipe
        self.text = recipe_to_yaml(given) if isinstance(given, Recipe) else recipe_text(given)
        self.source = given.name if isinstance(given, Recipe) else str(given)
        self.request, self.catalogue = request, catalogue
        self.screens: dict[str, Screen] = {}

    def recipe(self, *sets: str) -> RecipeReading:
        """The recipe with changes."""
        return parse_recipe(self.text, self.source, self.catalogue, sets=(*self.request.sets, *sets))

    def screen(self, recipe: Recipe) -> Screen:
        """The screen as the recipe's reader opens it."""
        key = recipe.reader.model_dump_json() if recipe.reader else ""
        if key not in self.screens:
            self.screens[key] = open_screen(self.request.screen, self.catalogue, recipe.reader)
        return self.screens[key]


def _check(
    recipe: Recipe,
    combination: Combination,
    known: dict[str, Combination],
    screen: Screen,
    request: Request,
    catalogue: Catalogue,
) -> None:
    """Refuse what does not go with the screen, and what trains the same as a combination before it."""
    parts = parts_for(recipe, screen, request.folds)
    # Fields of a recipe with stages may decide nothing, where each stage has its own.
    trained = " ".join(recipe_hash(part.recipe) for part in parts)
    if trained in known:
        raise InputError(f"trains the very same as {known[trained].label}; leave out what changes nothing")
    known[trained] = combination
    for _ in check_parts(parts, screen, catalogue, request.device):
        pass


def _has_labels(recipe: Recipe, screen: Screen, part: PartName) -> bool:
    """Whether the screen tells what wells are that are predicted, and that no network was trained on."""
    seen = split(screen, recipe.data.split)
    held_out = ~seen.holds("train") & (part == "all" or seen.holds(part))
    return any(name not in (None, "") for name in truth(screen, recipe.data.target)[np.flatnonzero(held_out)])


def _trial(request: Request, folder: Path, recipe: Recipe, *, judged: bool) -> Trial:
    return Trial(
        folder=str(folder),
        recipe=recipe_to_yaml(recipe),
        screen=request.screen,
        folds=request.folds,
        part=request.part,
        judged=judged,
        device=request.device,
        track=request.track,
    )
