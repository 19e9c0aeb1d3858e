"""`deepnoise evaluate`: accuracy by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise evaluate predictions --json"


def run(
    predictions: Annotated[Path, typer.Argument(help="Folder that deepnoise predict wrote.")],
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with the labels; the predicted one where not given."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare predictions with the screen's labels: accuracy by stage, cell type and experiment."""
    from deepnoise.api import installed, open_screen
    from deepnoise.console import print_json
    from deepnoise.evaluation import evaluate_folder, print_evaluation

    evaluation = evaluate_folder(predictions, installed(), open_screen(screen) if screen else None)
    if json:
        print_json(evaluation.as_dict())
    else:
        print_evaluation(evaluation)
