"""`deepnoise submit`: predictions as the RCIC competition takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise submit predictions --out submission.csv --stage assigned"


def run(
    predictions: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that deepnoise predict wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV to write; must not exist yet.")],
    stage: Annotated[
        str | None, typer.Option(help="Whose labels: raw, group or assigned; the last there is if not given.")
    ] = None,
    screen: Annotated[
        str | None, typer.Option(metavar="PATH", help="The screen; the predicted one where not given.")
    ] = None,
) -> None:
    """Write the class number of each test well of RxRx1, id_code,sirna; all must be there, and no other."""
    from deepnoise.api import installed, open_screen
    from deepnoise.console import Terminal
    from deepnoise.submission import submit_folder
    from deepnoise.words import stage_name

    opened = open_screen(screen) if screen else None
    made = submit_folder(predictions, out, installed(), stage=stage_name(stage), screen=opened)
    terminal = Terminal()
    for note in made.notes:
        terminal.note(note)
    terminal.note(f"{len(made.numbers):,} test wells by stage {made.stage.value} in {out}")
