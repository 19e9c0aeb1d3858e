"""A series: a folder whose parts are runs, one for each fold, stage and cell type of a recipe."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepnoise.cards import open_as_it_was, read_card, require_own_recipe, screen_record, write_card
from deepnoise.console import percent
from deepnoise.jobs import prepared
from deepnoise.pixels import with_pixels_read
from deepnoise.training import Run, finished_run, resume_run, train_run
from deepnoise_core.contracts import InitialOptions, Measure, Screen
from deepnoise_core.contracts.errors import InputError, ModelError, OutputError
from deepnoise_core.data.exclusions import read_exclusions, without_excluded
from deepnoise_core.data.files import plain_disk_errors, refuse_taken, replace_file
from deepnoise_core.data.names import natural_key
from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.processes import is_first
from deepnoise_core.engine.training import CHECKPOINTS
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash
from deepnoise_registry.recipes.stages import Part, parts_of
from deepnoise_registry.recipes.writing import recipe_to_yaml

RECORD = "series.json"

State = Literal["waiting", "started", "finished"]


@dataclass(frozen=True)
class Series:
    """A finished series.

    Attributes:
        path: its folder.
        runs: its parts in the order in which they were trained.
        members: those of them that predict together: the runs of the last stage, of every fold.
        card: what `series.json` holds.
    """

    path: Path
    runs: tuple[Run, ...]
    members: tuple[Run, ...]
    card: dict[str, Any]


def train_recipe(
    recipe: Recipe,
    screen: Screen,
    out: Path,
    catalogue: Catalogue,
    *,
    folds: int | None = None,
    device: DeviceName = "auto",
    observer: Observer | None = None,
    exclude: Path | None = None,
) -> Run | Series:
    """Train a recipe: a run, or where it has stages or folds are asked for, a series of runs.

    Nothing is written before every part is known to go with the screen. The parts share the opened screen.

    Args:
        recipe: filled.
        screen: what is learned from.
        out: folder of the run or series; must not hold anything.
        catalogue: where components are found.
        folds: train this many folds, each of which is validation once; as the recipe splits where None.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
        exclude: CSV of sites to leave out, `site_id,reason`.

    Raises:
        InputError: anything that the user can mend; says of which part.
    """
    if folds is None and not recipe.stages:
        return train_run(recipe, screen, out, catalogue, device=device, observer=observer, exclude=exclude)
    if folds is not None and folds < 2:
        raise InputError(f"--folds {folds}: give at least 2, or leave it out to train once")
    if is_first():
        refuse_taken(out, "a series of runs")
    if exclude:
        screen = without_excluded(screen, read_exclusions(exclude), str(exclude))
    parts = parts_for(recipe, screen, folds)
    card = {
        "format": 1,
        "recipe": recipe.name,
        "recipe_sha256": recipe_hash(recipe),
        "folds": folds,
        "screen": screen_record(screen, recipe),
    }
    work = _Work(recipe, parts, screen, out, catalogue, device, observer or Silent(), card)
    ready = work.checked()
    if is_first():
        with plain_disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            replace_file(out / "recipe.yaml", recipe_to_yaml(recipe))
    return work.go_on(ready)


def resume(
    out: Path,
    screen: Screen | Path | str | None,
    catalogue: Catalogue,
    *,
    device: DeviceName = "auto",
    observer: Observer | None = None,
) -> Run | Series:
    """Continue a run or a series that stopped: finished parts are kept, a started one goes on, others follow.

    Args:
        out: folder of the run or series.
        screen: open, or where it is now; where it was when training began, if None.
        catalogue: where components are found.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.

    Raises:
        ModelError: there is nothing to resume, or the screen has other sites now.
    """
    if not (out / RECORD).is_file():
        return resume_run(out, screen, catalogue, device=device, observer=observer)
    card = read_card(out / RECORD)
    recipe, _ = read_recipe(out / "recipe.yaml", catalogue)
    if state_of(out) == "finished":
        raise ModelError(f"{out}: this series is finished; predict with it, or train another")
    require_own_recipe(card, recipe, out, catalogue)
    opened = open_as_it_was(screen, card["screen"], recipe, catalogue, out)
    parts = parts_for(recipe, opened, card["folds"])
    work = _Work(recipe, parts, opened, out, catalogue, device, observer or Silent(), card)
    return work.go_on(work.checked())


def parts_for(recipe: Recipe, screen: Screen, folds: int | None) -> tuple[Part, ...]:
    """The trainings that a recipe stands for on a screen: see `parts_of`."""
    return parts_of(recipe, _cell_types(screen), folds)


def check_parts(
    parts: Iterable[Part], screen: Screen, catalogue: Catalogue, device: DeviceName
) -> Iterator[Composition]:
    """The composition of each part, known to go with the screen; reads no pixel and writes nothing.

    Raises:
        InputError: a part does not go with the screen; names it, where it is one of several.
    """
    for part in parts:
        try:
            composition, _ = prepared(part.recipe, screen, catalogue, device)
        except InputError as error:
            if not part.path:
                raise
            raise InputError(f"{part.path}: {error}") from error
        yield composition


def state_of(folder: Path) -> State:
    """How far a run or a series is, by what its folder holds."""
    if (folder / RECORD).is_file():
        parts = read_card(folder / RECORD)["parts"]
        return "finished" if all(_state(folder / one["path"]) == "finished" for one in parts) else "started"
    return _state(folder)


def outcome(run: Run) -> str:
    """Which epoch of a run was kept, and why, in words."""
    accuracy = run.card["best"].get("validation_accuracy")
    if accuracy is None:
        return "the last epoch"
    return f"epoch {run.card['best_epoch']}, validation accuracy {percent(accuracy)}"


def member_folders(path: Path) -> list[Path]:
    """The runs of a series that predict together.

    Raises:
        ModelError: one of them has not finished.
    """
    parts = read_card(path / RECORD)["parts"]
    folders = [path / one["path"] for one in parts if one["member"]]
    if any(_state(folder) != "finished" for folder in folders):
        raise ModelError(
            f"{path}: this series has not finished; continue it with deepnoise train --resume {path}"
        )
    return folders


@dataclass(frozen=True)
class _Work:
    """A series at work."""

    recipe: Recipe
    parts: Sequence[Part]
    screen: Screen
    out: Path
    catalogue: Catalogue
    device: DeviceName
    observer: Observer
    card: dict[str, Any]

    def checked(self) -> Screen:
        """The screen, read as far as all parts need it; none of them shall fail after hours for what it is now.

        Raises:
            InputError: a part does not go with the screen, or an image cannot be read.
        """
        measures: set[Measure] = set()
        for stage in self.recipe.stages:
            unknown = sorted(stage.epoch_ratio.keys() - set(_cell_types(self.screen)), key=natural_key)
            if unknown:
                self.observer.note(f"stage {stage.name}: the screen has no {', '.join(unknown)}")
        for composition in check_parts(self.parts, self.screen, self.catalogue, self.device):
            measures |= set(composition.normalizer.needs)
        return with_pixels_read(self.screen, measures, self.recipe.data, self.observer)

    def go_on(self, screen: Screen) -> Series:
        """Train what is not trained yet."""
        runs: dict[str, Run] = {}
        try:
            for number, part in enumerate(self.parts, start=1):
                self._record()
                self.observer.note(f"\npart {number} of {len(self.parts)}: {part.path}")
                runs[part.path] = self._trained(part, screen)
        except BaseException:
            if any(_state(self.out / part.path) != "waiting" for part in self.parts):
                with suppress(OutputError):
                    self._record()
                self.observer.note(f"the series stopped; continue it with deepnoise train --resume {self.out}")
            elif is_first():
                shutil.rmtree(self.out, ignore_errors=True)
            raise
        self._record()
        members = tuple(runs[part.path] for part in self.parts if part.member)
        return Series(self.out, tuple(runs.values()), members, self.card)

    def _trained(self, part: Part, screen: Screen) -> Run:
        folder = self.out / part.path
        if _state(folder) == "finished":
            self.observer.note("finished before, and kept")
            return finished_run(folder)
        if _state(folder) == "started":
            return resume_run(
                folder, screen, self.catalogue, device=self.device, observer=self.observer, series=self.out
            )
        # What a kill left here before the first checkpoint is nothing to go on with.
        if is_first():
            shutil.rmtree(folder, ignore_errors=True)
        return train_run(
            _started_from(part, self.out),
            screen,
            folder,
            self.catalogue,
            device=self.device,
            observer=self.observer,
            series=self.out,
        )

    def _record(self) -> None:
        self.card["parts"] = [
            {
                "path": part.path,
                "after": part.after,
                "member": part.member,
                "state": _state(self.out / part.path),
            }
            for part in self.parts
        ]
        if is_first():
            write_card(self.out / RECORD, self.card, self.recipe)


def _state(folder: Path) -> State:
    """How far a run is."""
    if (folder / "bundle").is_dir():
        return "finished"
    return "started" if saved_steps(folder / CHECKPOINTS) else "waiting"


def _started_from(part: Part, series: Path) -> Recipe:
    """The recipe of a part, which says from which other part's network it starts."""
    if part.after is None:
        return part.recipe
    initial = InitialOptions(weights=str(series / part.after), head=part.head)
    train = part.recipe.train.model_copy(update={"initial": initial})
    return part.recipe.model_copy(update={"train": train})


def _cell_types(screen: Screen) -> list[str]:
    return sorted(screen.sites["cell_type"].unique().to_list(), key=natural_key)
