"""`deepnoise disentangle`: what an embedding tells of perturbations, and what of plates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.corrections import StepNames, StepOptions

EXAMPLE = "Example: deepnoise disentangle predictions --steps center-scale,sphering --picture plane.png"


def run(
    predictions: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that deepnoise predict wrote.")],
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with the labels; the predicted one where not given."),
    ] = None,
    steps: StepNames = "",
    option: StepOptions = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="Wells that count: all, train, validation or test; those never trained on if not given."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, intervals, nulls and anchors.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON file to write, with all figures; must not exist yet.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG to write: the plane of signal and noise; must not exist yet.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure embeddings: signal apart from noise, before and after corrections, with anchors beside them."""
    import json as text

    from deepnoise.api import installed, open_screen
    from deepnoise.console import print_json
    from deepnoise.corrections import built_steps, named_steps
    from deepnoise.disentanglement import measure_folder
    from deepnoise.disentanglement_text import print_progress
    from deepnoise.pictures.plane import draw_plane
    from deepnoise.words import part_name
    from deepnoise_core.data.files import refuse_taken_file, replace_file

    for path in (out, picture):
        if path is not None:
            refuse_taken_file(path, "a measurement")
    catalogue = installed()
    progress = measure_folder(
        predictions,
        catalogue,
        open_screen(screen) if screen else None,
        steps=built_steps(named_steps(steps, option, catalogue), catalogue),
        part=part_name(part) if part else None,
        seed=seed,
    )
    if out is not None:
        replace_file(out, text.dumps(progress.as_dict(), indent=2, ensure_ascii=False))
    if picture is not None:
        draw_plane(progress.steps, progress.anchors, picture)
    if json:
        print_json(progress.as_dict())
    else:
        print_progress(progress)
