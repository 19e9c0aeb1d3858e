"""`deepnoise sweep`: train every combination of a grid with several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.options import Device, SeenScreen, Trackers

EXAMPLE = (
    "Example: deepnoise sweep demo --screen screens/demo --out sweeps/first "
    "--grid strategy.name=supervised,mean-teacher --seeds 3"
)


def run(
    recipe: Annotated[str, typer.Argument(help="Built-in name or YAML file.")],
    screen: SeenScreen,
    out: Annotated[Path, typer.Option(help="Folder of the sweep; one that holds this sweep already goes on.")],
    grid: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=A,B,…", help="Values of a field of the recipe; repeatable, each with all others."
        ),
    ],
    seeds: Annotated[int, typer.Option(help="Seeds of each combination, from the recipe's own upwards.")] = 1,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe of all of them; repeatable."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Train each on this many folds, which predict together.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Trainings at a time, each a process of its own.")] = 1,
    part: Annotated[str, typer.Option(help="Wells to predict and evaluate: test, validation or all.")] = "test",
    track: Trackers = None,
    device: Device = "auto",
) -> None:
    """Train every combination of a grid with several seeds, and evaluate each on held-out wells."""
    from deepnoise.api import installed
    from deepnoise.console import Terminal
    from deepnoise.sweeps.grid import parse_grid
    from deepnoise.sweeps.plan import Request
    from deepnoise.sweeps.sweep import run_sweep
    from deepnoise.words import names, part_name
    from deepnoise_core.engine.devices import device_name

    terminal = Terminal()
    request = Request(
        recipe,
        screen,
        parse_grid(grid),
        seeds=seeds,
        sets=tuple(sets or ()),
        folds=folds,
        part=part_name(part),
        device=device_name(device),
        track=names(track),
    )
    done = run_sweep(request, out, installed(), jobs=jobs, observer=terminal)
    terminal.note(f"\n{len(done.trials) - len(done.failed)} of {len(done.trials)} trials are finished")
    for trial in done.failed:
        terminal.note(f"  failed {trial.path}: {trial.message}")
    terminal.note(f"next: deepnoise compare {out}")
    if done.failed:
        raise typer.Exit(1)
