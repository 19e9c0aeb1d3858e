"""`deepnoise train`: learn a recipe from a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise train demo --screen screens/demo --out runs/first --set train.epochs=5 seed=1"


def run(
    recipe: Annotated[str | None, typer.Argument(help="Built-in name or YAML file.")] = None,
    screen: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder of plates, or the URL of a pack.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; must not exist yet.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    exclude: Annotated[Path | None, typer.Option(help="CSV of sites to leave out: site_id,reason.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the run in this folder instead of starting one.")
    ] = None,
) -> None:
    """Train a recipe on a screen; writes a run with metrics, curves, checkpoints and a bundle."""
    from deepnoise.api import installed
    from deepnoise.console import Terminal, percent
    from deepnoise.training import resume_run, train_run
    from deepnoise_core.contracts.errors import InputError
    from deepnoise_core.engine.devices import device_name
    from deepnoise_registry.recipes.reading import read_recipe
    from deepnoise_registry.screens import open_screen as open_with

    terminal, catalogue = Terminal(), installed()
    if resume is not None:
        if recipe or out or sets or exclude:
            raise InputError(
                "--resume RUN continues the run's own recipe on its own sites; "
                "give no RECIPE, --out, --set or --exclude with it"
            )
        run = resume_run(resume, screen, catalogue, device=device_name(device), observer=terminal)
    elif recipe is None or screen is None or out is None:
        raise InputError("deepnoise train needs RECIPE, --screen PATH and --out RUN (or --resume RUN)")
    else:
        filled, notes = read_recipe(recipe, catalogue, sets=sets or ())
        for note in notes:
            terminal.note(note)
        opened = open_with(screen, catalogue, filled.reader)
        run = train_run(
            filled, opened, out, catalogue, device=device_name(device), observer=terminal, exclude=exclude
        )
    accuracy = run.card["best"].get("validation_accuracy")
    chosen = (
        f"epoch {run.card['best_epoch']}, validation accuracy {percent(accuracy)}"
        if accuracy
        else "the last epoch"
    )
    terminal.note(f"kept {chosen}; the model is in {run.bundle}")
    terminal.note(
        f"next: deepnoise predict {run.path} --screen {screen or run.card['screen']['source']} --out predictions"
    )
