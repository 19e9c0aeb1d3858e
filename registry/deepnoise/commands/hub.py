"""`deepnoise hub serve`: a Hub on this computer, to rehearse a push or a pull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="A Hub on this computer.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def hub() -> None:
    """A Hub on this computer."""


@app.command("serve", epilog="Example: deepnoise hub serve hub --port 8765")
def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What it keeps; made where it is missing.")],
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8765,
) -> None:
    """Serve a Hub from a folder, to this computer alone; stop it by Ctrl-C, and start it again where it was."""
    from deepnoise.console import Terminal
    from deepnoise_core.data.files import plain_disk_errors
    from deepnoise_registry.hub.server.local import LocalHub

    with plain_disk_errors(folder):
        local = LocalHub(folder, port=port)
    terminal = Terminal()
    terminal.note(f"a Hub of {len(local.store.names())} models in {folder}; in another terminal:")
    typer.echo(f"export HF_ENDPOINT={local.endpoint}")
    try:
        local.serve()
    except KeyboardInterrupt:
        terminal.note("stopped; what it keeps stays")
