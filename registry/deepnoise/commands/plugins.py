"""`deepnoise plugins`: what is installed, and what failed to load and why."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Installed plugins.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: deepnoise plugins list --json")
def list_plugins(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List plugins with their distribution, version, status, and the reason of a failure."""
    from deepnoise.console import print_json, print_table
    from deepnoise.listing import catalogue, offered

    plugins = catalogue().discovery.plugins
    if json:
        print_json([plugin.as_dict() for plugin in plugins])
        return
    rows = [
        [
            plugin.name,
            f"{plugin.distribution or '?'} {plugin.version}",
            plugin.status,
            plugin.reason or offered(plugin),
        ]
        for plugin in plugins
    ]
    print_table("Plugins", ["plugin", "distribution", "status", "components, or why it failed"], rows)
