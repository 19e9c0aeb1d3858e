"""`deepnoise models` and `deepnoise model show`: which models there are, and what one is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise models runs --channels 6 --json"

model = typer.Typer(help="One model.", no_args_is_help=True, rich_markup_mode=None)


@model.callback()
def one() -> None:
    """One model."""


def run(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Folders with runs or bundles to list.")
    ] = None,
    hub: Annotated[bool, typer.Option("--hub", help="List those on the Hub.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="List those pulled before; so without --hub too.")
    ] = False,
    author: Annotated[str | None, typer.Option(help="User or organisation on the Hub.")] = None,
    channels: Annotated[int | None, typer.Option(help="Only models of so many channels.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List models: in folders, in the cache of those that were pulled, and on the Hub."""
    from deepnoise.console import print_json, print_table
    from deepnoise_registry.hub.listing import models_in_cache, models_in_folders, models_on_hub
    from deepnoise_registry.hub.settings import hub_settings

    settings = hub_settings()
    found = models_in_folders(folders or ())
    found += models_in_cache(settings) if local or not hub else []
    found += models_on_hub(settings, author=author, channels=channels) if hub else []
    found = [one for one in found if channels in {None, one.channels}]
    if json:
        print_json([one.as_dict() for one in found])
        return
    rows = [
        [
            one.name,
            one.where,
            *(str(figure or "–") for figure in (one.channels, one.classes)),
            one.target,
            one.note,
        ]
        for one in found
    ]
    print_table("Models", ["model", "where", "channels", "classes", "target", "note"], rows)


@model.command("show", epilog="Example: deepnoise model show runs/first")
def show(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a bundle, or hf-hub:org/name[@rev].")],
    json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Print what a model is: classes, channels, results, what it needs."""
    from deepnoise.console import Terminal, print_json
    from deepnoise.pulling import model_folder
    from deepnoise_registry.hub.card import summary
    from deepnoise_registry.manifest import read_manifest

    folder = model_folder(reference, Terminal())
    manifest = read_manifest(folder / "bundle" if (folder / "bundle").is_dir() else folder)
    if json:
        print_json(manifest.model_dump(mode="json"))
        return
    typer.echo(summary(manifest))
