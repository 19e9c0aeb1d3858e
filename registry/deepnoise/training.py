"""Training as users ask for it: a recipe, a screen, and a run folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepnoise.cards import CARD, card_of, open_as_it_was, read_card, require_own_recipe, write_card
from deepnoise.circumstances import differences
from deepnoise.initial import inherited_uses, start_network
from deepnoise.jobs import job_of, note_parts, prepared, with_pixels
from deepnoise.pace import at_pace
from deepnoise.pictures.curves import draw_curves
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.data.exclusions import read_exclusions, without_excluded, write_exclusions
from deepnoise_core.data.files import need_space, plain_disk_errors, refuse_taken, replace_file, sole_writer
from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.interruption import ended_in_order, interruption
from deepnoise_core.engine.job import TrainingResult
from deepnoise_core.engine.metrics_file import METRICS
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.processes import is_first, process_count, wait_for_all
from deepnoise_core.engine.training import CHECKPOINTS
from deepnoise_core.engine.training import train as run_job
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.bundles import read_manifest, write_bundle
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.recipes.writing import recipe_to_yaml

EXCLUSIONS, LOCK = "exclude.csv", ".lock"


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        path: the run's folder.
        bundle: the folder of the network that is published.
        card: what `run.json` holds.
    """

    path: Path
    bundle: Path
    card: dict[str, Any]


def train_run(
    recipe: Recipe,
    screen: Screen,
    out: Path,
    catalogue: Catalogue,
    *,
    device: DeviceName = "auto",
    observer: Observer | None = None,
    exclude: Path | None = None,
    resume: bool = False,
    pace: Mapping[str, Any] | None = None,
    series: Path | None = None,
) -> Run:
    """Train a recipe without stages, and write a run: recipe, metrics, curves, checkpoints, card, bundle.

    Nothing is written before recipe, split, classes and pixels' statistics are known to be good. Of several
    processes each calls this, and the first one writes.

    Args:
        recipe: filled.
        screen: what is learned from.
        out: folder of the run; must not hold anything, unless `resume`.
        catalogue: where components are found.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
        exclude: CSV of sites to leave out, `site_id,reason`; the run keeps a copy.
        resume: continue the run that `out` holds.
        pace: what the card of a run that is repeated says of precision and memory, so that nothing is probed.
        series: the folder of the series of which this run is a part, if any; it is what a user resumes.

    Raises:
        InputError: anything that the user can mend.
    """
    if recipe.stages:
        raise InputError(f"recipe {recipe.name!r} has stages, which are several runs; train it as a series")
    observer = observer or Silent()
    if is_first() and not resume:
        refuse_taken(out, "a run")
    exclusions = read_exclusions(exclude) if exclude else {}
    screen = without_excluded(screen, exclusions, str(exclude))
    composition, hardware = prepared(recipe, screen, catalogue, device)
    going_on = resume and bool(saved_steps(out / CHECKPOINTS))
    if resume and not going_on:
        observer.note("the run stopped before its first checkpoint, so it begins anew")
    initial = () if going_on else start_network(composition, catalogue, observer)
    begun = read_card(out / CARD) if going_on else None
    known = pace if begun is None else begun.get("pace")
    hardware, taken = at_pace(job_of(composition, hardware), hardware, known, observer)
    together = f", in {process_count()} processes" if process_count() > 1 else ""
    observer.note(f"training on {hardware}{together}")
    note_parts(composition, observer)
    need_space(out, 12 * sum(p.numel() * p.element_size() for p in composition.student.parameters()), "a run")
    unread = composition
    composition, job = with_pixels(composition, catalogue, hardware, observer, keep_rows=going_on)
    if composition is not unread:
        initial = start_network(composition, catalogue)
    for note in initial:
        observer.note(note)
    inherited = inherited_uses(recipe) if begun is None else begun["transductive"]
    card = card_of(composition, hardware, catalogue, job.screen.statistics, inherited)
    card |= {"initial": list(initial) if begun is None else begun["initial"], "pace": taken}
    if begun is not None and (changed := differences(begun, card)):
        observer.note(f"not all is as when the run began: {'; '.join(changed)}")
    if not is_first():
        run_job(job, out, hardware, observer, resume=going_on)
        wait_for_all()
        return finished_run(out)
    with plain_disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with plain_disk_errors(out), sole_writer(out / LOCK, out, "training there"), ended_in_order():
        try:
            if not going_on:
                _start_folder(out, card, recipe, exclusions)
            observer.card(out, card)
            result = run_job(job, out, hardware, observer, resume=going_on)
            with interruption():  # What is learned is written first, in seconds; a second signal acts at once.
                run = _finish(out, composition, card, result, catalogue)
        except BaseException:
            if saved_steps(out / CHECKPOINTS):
                observer.note(f"the run stopped; continue it with deepnoise train --resume {series or out}")
            elif not resume:
                shutil.rmtree(out, ignore_errors=True)
            raise
        observer.card(out, run.card)
    wait_for_all()
    return run


def resume_run(
    out: Path,
    screen: Screen | Path | str | None,
    catalogue: Catalogue,
    *,
    device: DeviceName = "auto",
    observer: Observer | None = None,
    series: Path | None = None,
) -> Run:
    """Continue a run that stopped, after the step of its newest whole checkpoint; bit-identically on a CPU.

    Args:
        out: the run's folder.
        screen: open, or where it is now; where it was when the run began, if None.
        catalogue: where components are found.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
        series: the folder of the series of which this run is a part, if any.

    Raises:
        ModelError: the folder holds no run, or one that is finished or has damaged checkpoints alone, or its
            screen has other sites now.
    """
    card = read_card(out / CARD)
    if (out / "bundle").exists():
        raise ModelError(f"{out}: this run is finished; its network is in {out / 'bundle'}")
    recipe, _ = read_recipe(out / "recipe.yaml", catalogue)
    require_own_recipe(card, recipe, out, catalogue)
    opened = open_as_it_was(screen, card["screen"], recipe, catalogue, out)
    return train_run(recipe, opened, out, catalogue, device=device, observer=observer, resume=True, series=series)


def finished_run(out: Path) -> Run:
    """A run that has finished, as its folder holds it.

    Raises:
        ModelError: its bundle's manifest is missing or malformed.
    """
    return Run(out, out / "bundle", read_manifest(out / "bundle").training)


def _start_folder(out: Path, card: Mapping[str, Any], recipe: Recipe, exclusions: Mapping[str, str]) -> None:
    if exclusions:
        write_exclusions(out / EXCLUSIONS, exclusions)
    replace_file(out / "recipe.yaml", recipe_to_yaml(recipe))
    write_card(out / CARD, card, recipe)


def _finish(
    out: Path, composition: Composition, card: dict[str, Any], result: TrainingResult, catalogue: Catalogue
) -> Run:
    draw_curves(out / METRICS, out / "curves.png", title=composition.recipe.name)
    card |= {"best_epoch": result.best_epoch, "best": dict(result.record), "steps": result.steps}
    card |= {"stopped_early": result.stopped_early, "bad_images": dict(result.bad_images)}
    write_bundle(out / "bundle", composition, load_weights(result.weights), card, catalogue)
    write_card(out / CARD, card, composition.recipe, bundle=out / "bundle")
    return Run(out, out / "bundle", card)
