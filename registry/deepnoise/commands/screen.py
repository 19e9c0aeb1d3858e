"""`deepnoise screen`: what a folder of plates holds, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.commands import pack
from deepnoise.opening import ReaderName, ReaderOptions, ScreenPath

app = typer.Typer(help="Screens: folders of plates.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _group() -> None:
    """Screens: folders of plates."""


@app.command("inspect", epilog="Example: deepnoise screen inspect screens/demo --montage sites.png")
def inspect(
    path: ScreenPath,
    reader: ReaderName = None,
    options: ReaderOptions = None,
    montage: Annotated[
        Path | None, typer.Option(help="Write example sites to this PNG; must not exist yet.")
    ] = None,
    json: Json = False,
) -> None:
    """Print what a screen is: counts, channels, sizes, and the layout of its first plate."""
    from deepnoise.console import print_json, print_table
    from deepnoise.inspection import fact_rows, inspect_screen
    from deepnoise.listing import catalogue
    from deepnoise.opening import filled_options, opened
    from deepnoise.pictures.montage import draw_montage
    from deepnoise.plate_text import plate_lines
    from deepnoise_core.data.files import refuse_taken_file

    if montage is not None:
        refuse_taken_file(montage, "a picture")
    screen = opened(path, reader, options)
    found = inspect_screen(screen, filled_options(reader or screen.reader, options, catalogue()))
    if montage is not None:
        draw_montage(screen, montage)
    if json:
        print_json(found.as_dict())
        return
    print_table(path, ["", "found"], fact_rows(found))
    for column, counts in found.by.items():
        if set(counts) == {"unknown"}:
            continue
        rows = [[name, f"{count:,}"] for name, count in counts.items()]
        print_table(f"Wells by {column.replace('_', ' ')}", [column, "wells"], rows)
    first = screen.sites.row(0, named=True)
    typer.echo("\n".join(plate_lines(screen, first["experiment"], first["plate"])))


@app.command("check", epilog="Example: deepnoise screen check screens/demo --exclude-to bad.csv")
def check(
    path: ScreenPath,
    reader: ReaderName = None,
    options: ReaderOptions = None,
    exclude_to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="List sites with findings in this CSV, for --exclude; must not exist yet."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look for bad, doubled, blurred and empty images, exchanged channels, wrong wells and leaking layouts.

    Exits with 1 where anything was found.
    """
    from deepnoise.checking import as_dict, examine, summary, tables
    from deepnoise.console import Terminal, print_json, print_note, print_table
    from deepnoise.opening import opened
    from deepnoise_core.data.checks import exclusions
    from deepnoise_core.data.exclusions import write_exclusions
    from deepnoise_core.data.files import refuse_taken_file

    if exclude_to is not None:
        refuse_taken_file(exclude_to, "a list of excluded sites")
    terminal = Terminal()
    screen = opened(path, reader, options)
    examination = examine(screen, terminal)
    if exclude_to is not None:
        reasons = exclusions(examination.findings, screen)
        write_exclusions(exclude_to, reasons)
        terminal.note(f"{len(reasons):,} sites to leave out are in {exclude_to}; give it to --exclude")
    if json:
        print_json(as_dict(screen, examination))
    else:
        for table in tables(screen, examination):
            print_table(table.title, table.columns, table.rows)
        for line in examination.unjudged:
            print_note(f"not checked: {line}")
        print_note(summary(screen, examination))
    raise typer.Exit(1 if examination.findings else 0)


app.command("pack", epilog=pack.PACK_EXAMPLE)(pack.pack)
app.command("verify", epilog=pack.VERIFY_EXAMPLE)(pack.verify)
