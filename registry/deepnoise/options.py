"""Options that several commands have in common, as the parser takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
SeenScreen = Annotated[str, typer.Option(metavar="PATH", help="Folder of plates, or the URL of a pack.")]
Exclude = Annotated[Path | None, typer.Option(help="CSV of sites to leave out: site_id,reason.")]
BadImages = Annotated[
    str | None,
    typer.Option(help="error, or skip to go on without sites that cannot be read; else as in training."),
]
TestTimeViews = Annotated[
    str | None,
    typer.Option(help="Copies of each image: none, flips or dihedral; as the model's recipe says otherwise."),
]
Trackers = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Trackers to tell: tensorboard, wandb, mlflow, trackio; else none."),
]
