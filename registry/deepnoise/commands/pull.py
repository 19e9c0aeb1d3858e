"""`deepnoise pull`: a model of the Hub, on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise pull org/name@v1 --to models/name"


def run(
    reference: Annotated[
        str, typer.Argument(metavar="REPO[@REV]", help="org/name, perhaps with a branch, tag or commit.")
    ],
    to: Annotated[
        Path | None, typer.Option(help="Folder to write, to carry away; only the Hub's cache if not given.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Ask what REV is now, even where it was pulled before.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: from the cache alone.")] = False,
) -> None:
    """Pull a model; every file is checked against the hashes that were published."""
    from deepnoise.console import Terminal
    from deepnoise_registry.hub.client import fetch
    from deepnoise_registry.hub.reference import SCHEME, parse_reference

    terminal = Terminal()
    folder = fetch(reference, to=to, update=update, offline=offline, observer=terminal)
    name = folder if to is not None else f"{SCHEME}{parse_reference(reference)}"
    terminal.note(f"in {folder}; next: deepnoise predict {name} --screen PATH --out predictions")
