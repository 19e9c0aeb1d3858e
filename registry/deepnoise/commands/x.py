"""`deepnoise x`: the commands that plugins add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deepnoise_registry.records import CommandOffer

EXAMPLE = "Example: deepnoise x NAME --help"

TRACEBACK = "DEEPNOISE_TRACEBACK"
"""Environment variable: 1 shows where a command failed."""

SETTINGS = {"allow_interspersed_args": False}
"""Whatever stands behind the name of a command is that command's."""


def run(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME WORDS", help="A command, and words for it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a command of a plugin, or list them all."""
    from deepnoise.console import print_json, print_note, print_table
    from deepnoise.listing import catalogue
    from deepnoise_registry.plugin_commands import find_command, shortest_name

    discovery = catalogue().discovery
    if words:
        raise typer.Exit(_ended(find_command(discovery, words[0]), words[1:]))
    if json:
        print_json([offer.as_dict() for offer in discovery.commands])
    elif discovery.commands:
        rows = [
            [shortest_name(discovery, offer), offer.command.summary, offer.origin] for offer in discovery.commands
        ]
        print_table("Commands of plugins", ["name", "what it does", "from"], rows)
    else:
        print_note("no installed plugin adds a command")


def _ended(offer: CommandOffer, words: list[str]) -> int:
    """Exit code of a command; one that fails is named in one line, whatever it raised."""
    import os
    import sys
    import traceback

    from deepnoise_core.contracts.errors import PluginError
    from deepnoise_registry.plugin_commands import run_command

    try:
        return run_command(offer, words)
    except PluginError as error:
        if os.environ.get(TRACEBACK) == "1":
            traceback.print_exception(error.__cause__)
        sys.stderr.write(f"deepnoise: {error}; {TRACEBACK}=1 shows where\n")
        return 1
