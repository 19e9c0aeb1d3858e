"""`deepnoise compare`: recipes over their seeds, on the same held-out wells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise compare sweeps/first --out table.md --out plot.png"


def run(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="Sweeps, runs with predictions, folders of predictions, or JSON files of evaluate --out.",
        ),
    ],
    metric: Annotated[str, typer.Option(help="accuracy, balanced, ece or nll.")] = "accuracy",
    stage: Annotated[
        str | None, typer.Option(help="raw, group or assigned; all that they have in common if not given.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help="What others are compared with, by name or path; else the first."),
    ] = None,
    screen: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Screen with the labels; the predicted one where not given."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="File to write, .md, .csv, .tex, .json or .png; repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare recipes over seeds: mean ± sd, and differences paired by experiment and seed."""
    from deepnoise.api import installed, open_screen
    from deepnoise.comparisons.comparison import compare_results
    from deepnoise.comparisons.tables import print_variants, require_writable, write_comparison
    from deepnoise.console import print_json
    from deepnoise.words import metric_name, stage_name

    for file in out or ():
        require_writable(file)
    comparison = compare_results(
        results,
        installed(),
        open_screen(screen) if screen else None,
        metric=metric_name(metric),
        stage=stage_name(stage),
        against=against,
    )
    for file in out or ():
        write_comparison(comparison, file)
    if json:
        print_json(comparison.as_dict())
    else:
        print_variants(comparison)
