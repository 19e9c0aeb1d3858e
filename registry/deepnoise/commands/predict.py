"""`deepnoise predict`: name the perturbation of every well of a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise predict runs/first --screen screens/demo --out predictions --part test"


def run(
    model: Annotated[Path, typer.Argument(help="Folder of a run or a bundle.")],
    screen: Annotated[Path, typer.Option(help="Folder of plates.")],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")],
    part: Annotated[
        str, typer.Option(help="Wells to predict: all, train, validation, or test (never seen with labels).")
    ] = "all",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Predict a screen; writes predictions.parquet, embeddings.parquet and plate maps."""
    from deepnoise.api import installed
    from deepnoise.console import Terminal
    from deepnoise.model import load_model, part_name
    from deepnoise.prediction import predict_folder
    from deepnoise_core.engine.devices import device_name
    from deepnoise_registry.screens import open_screen

    terminal, catalogue = Terminal(), installed()
    loaded = load_model(model, catalogue)
    opened = open_screen(screen, catalogue, loaded.bundle.recipe.reader)
    predictions = predict_folder(
        loaded, opened, out, part=part_name(part), device=device_name(device), observer=terminal
    )
    for note in predictions.notes:
        terminal.note(note)
    terminal.note(f"{len(predictions):,} wells in {out}; next: deepnoise evaluate {out}")
