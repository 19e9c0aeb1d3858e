"""`deepnoise simulate`: write a screen whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise simulate screens/demo --preset demo --seed 0 --set noise.plate_gain=0.2"


def run(
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet.")],
    preset: Annotated[str, typer.Option(help="tiny (seconds), demo, or ladder (for ablations).")] = "demo",
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the preset; repeatable.")
    ] = None,
) -> None:
    """Write a simulated screen in the RxRx1 layout: PNG images and metadata.csv."""
    from deepnoise.console import Terminal
    from deepnoise.simulation import simulated_screen, write_simulated

    terminal = Terminal()
    screen = simulated_screen(preset, seed=seed, sets=sets or (), observer=terminal, out=out)
    write_simulated(screen, out, terminal)
    terminal.note(f"{len(screen):,} sites in {out}")
