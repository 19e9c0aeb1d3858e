"""`deepnoise screen`: what a folder of plates holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Screens: folders of plates.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Screens: folders of plates."""


@app.command("inspect", epilog="Example: deepnoise screen inspect screens/demo --montage sites.png")
def inspect(
    path: Annotated[Path, typer.Argument(help="Folder of plates.")],
    montage: Annotated[
        Path | None, typer.Option(help="Write example sites to this PNG; must not exist yet.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a screen is: counts, channels, sizes, and the layout of its first plate."""
    from deepnoise.api import open_screen
    from deepnoise.console import print_json, print_table
    from deepnoise.inspection import inspect_screen, plate_lines
    from deepnoise.pictures.montage import draw_montage
    from deepnoise_core.data.files import refuse_taken

    if montage is not None:
        refuse_taken(montage, "a picture")
    opened = open_screen(path)
    found = inspect_screen(opened)
    if montage is not None:
        draw_montage(opened, montage)
    if json:
        print_json(found.as_dict())
        return
    size = "no images here" if found.image is None else "{} x {} pixels, {}".format(*found.image)
    facts = [
        ["opened by", found.reader],
        ["sites", f"{found.sites:,} usable, {found.dropped:,} left out"],
        ["wells", f"{found.wells:,} on {found.plates:,} plates of {found.experiments:,} experiments"],
        ["treatments", f"{found.perturbations:,}"],
        ["channels", ", ".join(found.channels)],
        ["images", size],
    ]
    print_table(str(path), ["", "found"], facts)
    for column in ("cell_type", "role", "dataset", "experiment"):
        rows = [[name, f"{count:,}"] for name, count in found.by[column].items()]
        print_table(f"Wells by {column.replace('_', ' ')}", [column, "wells"], rows)
    first = opened.sites.row(0, named=True)
    typer.echo("\n".join(plate_lines(opened, first["experiment"], first["plate"])))
