"""`deepnoise report`: one HTML page about a run or predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.corrections import StepOptions

EXAMPLE = "Example: deepnoise report predictions -o report.html"


def run(
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN_OR_PREDICTIONS", help="Folder that deepnoise predict or train wrote."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="HTML file to write; must not exist yet.")
    ],
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with images and labels; the predicted one where not given."),
    ] = None,
    megabytes: Annotated[float, typer.Option(min=0, help="What pictures of wells may take; 0 makes none.")] = 8.0,
    layout: Annotated[
        str, typer.Option(help="Map of embeddings: umap, pca, or auto: umap where it is installed.")
    ] = "auto",
    saliency: Annotated[
        int, typer.Option(min=0, help="Wells to ask again what labels rest on; 0 asks none.")
    ] = 32,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,…",
            help="Corrections of embeddings, one upon the other; if not given center-scale,sphering.",
        ),
    ] = None,
    option: StepOptions = None,
) -> None:
    """Write one self-contained HTML page: accuracy, plate maps with images, signal and noise, methods."""
    from deepnoise.api import installed, report
    from deepnoise.console import Terminal
    from deepnoise.corrections import named_steps
    from deepnoise.words import map_method
    from deepnoise_core.contracts.errors import InputError

    terminal, way = Terminal(), map_method(layout)
    if option and steps is None:
        raise InputError("--option sets options of steps; name these with --steps")
    report(
        source,
        out,
        screen=screen,
        megabytes=megabytes,
        layout=way,
        saliency=saliency,
        steps=None if steps is None else named_steps(steps, option, installed()),
        observer=terminal,
    )
    terminal.note(f"{out.stat().st_size / 1e6:.1f} MB in {out}; open it in any browser")
