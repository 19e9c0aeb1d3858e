"""`deepnoise profiles`: predictions as a table for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise profiles predictions -o profiles.parquet"


def run(
    predictions: Annotated[Path, typer.Argument(help="Folder that deepnoise predict or baseline wrote.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="What to write: a .parquet, .csv or .h5ad file.")
    ],
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with the perturbations; the predicted one where not given."),
    ] = None,
) -> None:
    """Hand embeddings and labels over to pycytominer, copairs or scanpy; one row a well."""
    from deepnoise.api import installed, open_screen
    from deepnoise.console import Terminal
    from deepnoise.handover import write_profiles
    from deepnoise_core.data.prediction_table import METADATA

    frame = write_profiles(predictions, out, installed(), open_screen(screen) if screen else None)
    features = sum(not name.startswith(METADATA) for name in frame.columns)
    Terminal().note(f"{frame.height:,} wells with {features:,} features in {out}")
