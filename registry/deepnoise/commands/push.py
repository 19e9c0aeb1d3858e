"""`deepnoise push`: a bundle, published on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise push runs/first/bundle org/name --tag v1 --license apache-2.0 --dry-run"


def run(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle, or of a finished run.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="org/name; made where it is missing.")],
    tag: Annotated[str | None, typer.Option(help="Name of this state, such as v1; must be free.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Where the repository is made, make it private.")
    ] = False,
    licence: Annotated[
        str | None, typer.Option("--license", help="Of the weights, such as apache-2.0; must be said.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What deepnoise evaluate --out wrote of this bundle's predictions."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """Push a bundle that verifies, with its card; one that is there already makes no commit."""
    from deepnoise.console import Terminal, print_table
    from deepnoise.listing import catalogue
    from deepnoise_registry.hub.publishing import push_bundle

    folder = bundle / "bundle" if (bundle / "bundle").is_dir() else bundle
    terminal = Terminal()
    done = push_bundle(
        folder,
        repo,
        catalogue(),
        tag=tag,
        private=private,
        licence=licence,
        results=results,
        dry_run=dry_run,
        observer=terminal,
    )
    if dry_run:
        rows = [[one.name, f"{one.size:,}", one.sha256[:12]] for one in done.files]
        print_table(f"Would be sent to {done.reference}", ["file", "bytes", "sha256"], rows)
    elif done.changed:
        terminal.note(f"pushed {len(done.files)} files to {done.reference}, commit {done.commit[:12]}")
    else:
        terminal.note(
            f"{done.reference} has this very bundle already, at commit {done.commit[:12]}; no commit made"
        )
