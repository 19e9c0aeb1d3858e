"""`deepnoise train`: learn a recipe from a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepnoise.options import Device, Exclude, Trackers

if TYPE_CHECKING:
    from deepnoise_core.engine.devices import DeviceName

EXAMPLE = "Example: deepnoise train demo --screen screens/demo --out runs/first --set train.epochs=5 seed=1"


def run(
    context: typer.Context,
    recipe: Annotated[str | None, typer.Argument(help="Built-in name or YAML file.")] = None,
    screen: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder of plates, or the URL of a pack.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; must not exist yet.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Train this many folds, each of which is validation once.")
    ] = None,
    device: Device = "auto",
    exclude: Exclude = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the run or series in this folder instead of starting one.")
    ] = None,
    repeat: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Train once more what this run, series, bundle or card tells, and compare the weights.",
        ),
    ] = None,
    track: Trackers = None,
    processes: Annotated[
        int, typer.Option(help="Processes of this machine that learn from each step together.")
    ] = 1,
) -> None:
    """Train a recipe on a screen; writes a run, or a series of runs where it has stages or folds."""
    from deepnoise.launching import divided
    from deepnoise.words import names
    from deepnoise_core.contracts.errors import InputError

    def work(named: DeviceName) -> bool:
        if repeat is None:
            _train(recipe, screen, out, sets or [], folds, named, exclude, resume, names(track))
            return True
        if recipe or sets or exclude or folds or resume or out is None:
            raise InputError(
                "--repeat RUN trains the run's own recipe on its own sites; give --out RUN with it, and no "
                "RECIPE, --resume, --set, --folds or --exclude"
            )
        return _repeat(repeat, screen, out, named, names(track))

    if not divided(context.obj, processes, device, work):
        raise typer.Exit(1)


def _repeat(original: str, screen: str | None, out: Path, device: DeviceName, track: tuple[str, ...]) -> bool:
    from deepnoise.api import installed
    from deepnoise.console import Terminal
    from deepnoise.repeating import read_original, repeat
    from deepnoise.tracking import tracked
    from deepnoise_core.engine.observation import Silent
    from deepnoise_core.engine.processes import is_first

    terminal = tracked(Terminal(), track) if is_first() else Silent()
    catalogue = installed()
    done = repeat(read_original(original, catalogue), screen, out, catalogue, device=device, observer=terminal)
    terminal.note(done.verdict)
    return done.same is not False


def _train(
    recipe: str | None,
    screen: str | None,
    out: Path | None,
    sets: list[str],
    folds: int | None,
    device: DeviceName,
    exclude: Path | None,
    resume: Path | None,
    track: tuple[str, ...],
) -> None:
    from deepnoise.api import installed
    from deepnoise.console import Terminal
    from deepnoise.series import Series, outcome, train_recipe
    from deepnoise.series import resume as resume_training
    from deepnoise.tracking import tracked
    from deepnoise_core.contracts.errors import InputError
    from deepnoise_core.engine.observation import Silent
    from deepnoise_core.engine.processes import is_first
    from deepnoise_registry.recipes.reading import read_recipe
    from deepnoise_registry.screens import open_screen as open_with

    terminal = tracked(Terminal(), track) if is_first() else Silent()
    catalogue = installed()
    if resume is not None:
        if recipe or out or sets or exclude or folds:
            raise InputError(
                "--resume RUN continues the run's own recipe on its own sites; "
                "give no RECIPE, --out, --set, --folds or --exclude with it"
            )
        trained = resume_training(resume, screen, catalogue, device=device, observer=terminal)
    elif recipe is None or screen is None or out is None:
        raise InputError("deepnoise train needs RECIPE, --screen PATH and --out RUN (or --resume RUN)")
    else:
        filled, notes = read_recipe(recipe, catalogue, sets=sets)
        for note in notes:
            terminal.note(note)
        opened = open_with(screen, catalogue, filled.reader)
        trained = train_recipe(
            filled,
            opened,
            out,
            catalogue,
            folds=folds,
            device=device,
            observer=terminal,
            exclude=exclude,
        )
    if isinstance(trained, Series):
        terminal.note(f"\ntrained {len(trained.runs)} parts in {trained.path}:")
        for run in trained.runs:
            terminal.note(f"  {run.path.relative_to(trained.path)}: {outcome(run)}")
    else:
        terminal.note(f"kept {outcome(trained)}; the model is in {trained.bundle}")
    source = screen or trained.card["screen"]["source"]
    terminal.note(f"next: deepnoise predict {trained.path} --screen {source} --out predictions")
