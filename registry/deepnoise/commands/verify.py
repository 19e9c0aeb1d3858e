"""`deepnoise verify`: whether a bundle is what it was when it was written, and still answers as it did."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise verify runs/first --device cpu"


def run(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="Folder of a bundle or run, or hf-hub:org/name[@revision].")
    ],
    device: Annotated[
        str, typer.Option(help="Where golden tensors are replayed: auto, cpu, cuda or mps.")
    ] = "cpu",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check every file, header and hash of a bundle, and replay its golden tensors.

    Exits with 1 where a check fails.
    """
    from dataclasses import asdict

    from deepnoise.api import verify
    from deepnoise.console import print_json, print_note, print_table
    from deepnoise_core.engine.devices import device_name

    found = verify(bundle, device=device_name(device))
    if json:
        checks = [asdict(check) for check in found.checks]
        print_json({"bundle": str(found.path), "ok": found.ok, "checks": checks})
    else:
        rows = [[check.name, "yes" if check.passed else "NO", check.what] for check in found.checks]
        print_table(str(found.path), ["check", "passed", "found"], rows)
        failed = sum(not check.passed for check in found.checks)
        print_note(
            f"{len(found.checks)} checks, {failed} failed" if failed else f"{len(found.checks)} checks passed"
        )
    raise typer.Exit(0 if found.ok else 1)
