"""`deepnoise evaluate`: accuracy by stage, of one folder of predictions or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise evaluate predictions --out evaluation.json"


def run(
    predictions: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders that deepnoise predict wrote; several are compared."),
    ],
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with the labels; the predicted one where not given."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Rules that must have been kept: rcic, wilds or custom; else told by what was done."),
    ] = None,
    top: Annotated[str, typer.Option(metavar="K,K,…", help="Numbers of best scored classes to look in.")] = "1,5",
    plates: Annotated[bool, typer.Option("--plates", help="A line for each plate.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="JSON file to write, with all figures; must not exist yet.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare predictions with the screen's labels: accuracy by stage with intervals, flips and calibration."""
    import json as text

    from deepnoise.api import installed, open_screen
    from deepnoise.console import print_json
    from deepnoise.evaluation import compare_folders, evaluate_folder
    from deepnoise.evaluation_text import print_comparison, print_evaluation
    from deepnoise.words import counts, protocol_name
    from deepnoise_core.data.files import refuse_taken_file, replace_file
    from deepnoise_core.evaluation.accuracy import Evaluation

    if out is not None:
        refuse_taken_file(out, "an evaluation")
    opened = open_screen(screen) if screen else None
    rules, numbers = protocol_name(protocol), counts("--top", top)
    found = (
        evaluate_folder(predictions[0], installed(), opened, protocol=rules, top=numbers)
        if len(predictions) == 1
        else compare_folders(predictions, installed(), opened, protocol=rules, top=numbers)
    )
    if out is not None:
        replace_file(out, text.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    if json:
        print_json(found.as_dict())
    elif isinstance(found, Evaluation):
        print_evaluation(found, plates=plates)
    else:
        print_comparison(found)
