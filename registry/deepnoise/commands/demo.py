"""`deepnoise demo`: the whole way on a simulated screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.options import Device

EXAMPLE = "Example: deepnoise demo --out demo --seed 0"


def run(
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the screen and of all trainings.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with this many seeds, from --seed on.")] = 1,
    preset: Annotated[str, typer.Option(help="Screen and recipe: demo (minutes) or tiny (seconds).")] = "demo",
    device: Device = "auto",
) -> None:
    """Simulate a screen, train with and without DeepNoise's ingredients, and compare held-out accuracy."""
    from deepnoise.console import Terminal
    from deepnoise.demonstration import demonstrate, print_demonstration
    from deepnoise_core.engine.devices import device_name

    terminal = Terminal()
    shown = demonstrate(out, preset, range(seed, seed + seeds), device=device_name(device), observer=terminal)
    print_demonstration(shown, out)
