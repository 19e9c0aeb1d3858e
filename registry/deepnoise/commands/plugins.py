"""`deepnoise plugins`: what is installed, what failed to load and why, and how to begin one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Installed plugins.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: deepnoise plugins list --json")
def list_plugins(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List plugins: what they come from and were made for, what they offer, and why one failed."""
    from deepnoise.console import print_json, print_note, print_table
    from deepnoise.listing import catalogue, plugin_row

    plugins = catalogue().discovery.plugins
    if json:
        print_json([plugin.as_dict() for plugin in plugins])
        return
    columns = ["plugin", "from", "made for", "status", "what it offers, or why it failed"]
    print_table("Plugins", columns, [plugin_row(plugin) for plugin in plugins])
    for plugin in plugins:
        for note in plugin.notes:
            print_note(f"{plugin.name}: {note}")


@app.command("show", epilog="Example: deepnoise plugins show timm")
def show_plugin(
    name: Annotated[str, typer.Argument(help="Name of a plugin, as deepnoise plugins list tells.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print all about one plugin: what it offers, how loading it went, and how to be rid of it."""
    from deepnoise.console import print_json, print_table
    from deepnoise.listing import catalogue, described, plugins_named

    plugins = plugins_named(catalogue(), name)
    if json:
        print_json([plugin.as_dict() for plugin in plugins])
        return
    for plugin in plugins:
        typer.echo(described(plugin))
        rows = [[offer.kind.value, offer.name, offer.component.summary] for offer in plugin.components]
        if rows:
            print_table("Components", ["kind", "name", "what it is"], rows)


@app.command("check", epilog="Example: deepnoise plugins check linear --level basic")
def check_plugin(
    name: Annotated[str, typer.Argument(help="Name of a plugin, as deepnoise plugins list tells.")],
    level: Annotated[str, typer.Option(help="basic or strict: how much is asked.")] = "strict",
    options: Annotated[
        Path | None,
        typer.Option(help="YAML file of further options to check with, as in: my-head: [{width: 8}, {width: 9}]"),
    ] = None,
    limit: Annotated[float, typer.Option(min=1, help="Seconds that one component may take.")] = 600,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold all that a plugin offers to the laws of its kind, each component in a process of its own.

    Exits with 1 where a law is broken, or the plugin does not load.
    """
    from deepnoise import plugin_checking as checking
    from deepnoise.console import print_json
    from deepnoise.listing import catalogue, plugins_named

    asked, sets = checking.level_named(level), checking.read_options(options) if options else {}
    found = [
        checking.check_plugin(
            plugin, asked, sets, limit, lambda result: None if json else typer.echo(str(result))
        )
        for plugin in plugins_named(catalogue(), name)
    ]
    if json:
        print_json([one.as_dict() for one in found])
    else:
        for one in found:
            typer.echo(str(one))
    raise typer.Exit(0 if all(one.passed for one in found) else 1)


@app.command("new", epilog="Example: deepnoise plugins new my-net --kind backbone")
def new_plugin(
    name: Annotated[
        str, typer.Argument(help="Of the plugin and its component, as in my-net.", show_default=False)
    ],
    kind: Annotated[
        str,
        typer.Option(help="backbone, head, normalizer, augmentation, strategy, postprocessor or reader."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, deepnoise-plugin-NAME where absent; must not exist yet.")
    ] = None,
) -> None:
    """Write a plugin to begin with: a distribution with a small component that works, and its tests."""
    from deepnoise.console import Terminal
    from deepnoise.listing import catalogue, kind_named
    from deepnoise.plugin_project import write_plugin

    folder = write_plugin(name, kind_named(kind), out, catalogue())
    Terminal().note(f"wrote {folder}; go on with: cd {folder} && pip install -e '.[test]' && pytest")
