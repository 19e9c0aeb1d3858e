"""`deepnoise baseline`: published embeddings beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.corrections import StepNames, StepOptions

EXAMPLE = "Example: deepnoise baseline embeddings.csv --metadata rxrx1/metadata.csv --out published"


def run(
    embeddings: Annotated[
        Path, typer.Argument(help="CSV or Parquet table, a row a site or well; or a folder of deepnoise embed.")
    ],
    metadata: Annotated[
        Path,
        typer.Option(metavar="PATH", help="Their screen, or a table of its sites or wells; without images too."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")],
    target: Annotated[str, typer.Option(help="Column whose values are the classes.")] = "perturbation",
    leave_out: Annotated[
        str, typer.Option(metavar="COLUMN", help="Whose rows are scored by all others.")
    ] = "experiment",
    features: Annotated[
        str | None,
        typer.Option(metavar="NAME*", help="Columns that are features; as the names show if not given."),
    ] = None,
    steps: StepNames = "",
    option: StepOptions = None,
) -> None:
    """Score embeddings by the class means of all other experiments; writes a folder as predict does."""
    from deepnoise.api import installed
    from deepnoise.baselines import BaselineOptions, write_baseline
    from deepnoise.console import Terminal
    from deepnoise.corrections import named_steps

    terminal, catalogue = Terminal(), installed()
    options = BaselineOptions(target, leave_out, features, named_steps(steps, option, catalogue))
    predictions = write_baseline(embeddings, metadata, out, options, catalogue)
    for note in predictions.notes:
        terminal.note(note)
    terminal.note(f"{len(predictions):,} wells in {out}; next: deepnoise evaluate {out}")
