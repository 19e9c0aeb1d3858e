"""`deepnoise screen pack` and `deepnoise screen verify`: the fast form of a screen, and its health."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepnoise.opening import ReaderName, ReaderOptions, ScreenPath

PACK_EXAMPLE = "Example: deepnoise screen pack screens/demo packs/demo --codec none"
VERIFY_EXAMPLE = "Example: deepnoise screen verify packs/demo"


def pack(
    path: ScreenPath,
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet.")],
    reader: ReaderName = None,
    options: ReaderOptions = None,
    codec: Annotated[str, typer.Option(help="zstd (half the bytes) or none (fastest to read).")] = "zstd",
    size: Annotated[int | None, typer.Option(min=8, help="Resize sites to this side, in pixels.")] = None,
    bad_images: Annotated[
        str, typer.Option(help="An image that cannot be read: error, or skip its site and list it.")
    ] = "error",
    exclude: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Leave out the sites in this CSV of site_id,reason.")
    ] = None,
) -> None:
    """Write a screen as one sharded Zarr array with exact statistics, read at the speed of memory.

    Killed at any moment, the same command goes on where it stood.
    """
    from pydantic import ValidationError

    from deepnoise.console import Terminal
    from deepnoise.opening import opened
    from deepnoise.packing import pack_folder, pack_lines
    from deepnoise_core.contracts.errors import InputError
    from deepnoise_core.data.exclusions import read_exclusions, without_excluded
    from deepnoise_core.data.packs import PackOptions

    try:
        chosen = PackOptions.model_validate({"codec": codec, "size": size, "bad_images": bad_images})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{str(first['loc'][0]).replace('_', '-')} {first['input']}: {first['msg']}") from None
    terminal = Terminal()
    screen = opened(path, reader, options)
    if exclude is not None:
        screen = without_excluded(screen, read_exclusions(exclude), str(exclude))
    for line in pack_lines(pack_folder(screen, out, chosen, terminal)):
        terminal.note(line)
    terminal.note(f"next: deepnoise train RECIPE --screen {out} --out RUN")


def verify(
    folder: Annotated[Path, typer.Argument(metavar="PACK", help="Folder of a pack.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare every file of a pack with the hash that was taken when it was written.

    Exits with 1 where one differs.
    """
    from dataclasses import asdict

    from deepnoise.console import Terminal, print_json, print_note, print_table
    from deepnoise.packing import verified

    files, faults = verified(folder, Terminal())
    if json:
        print_json({"pack": str(folder), "files": files, "faults": [asdict(fault) for fault in faults]})
    else:
        if faults:
            rows = [[fault.file, fault.message, _rows(fault.sites)] for fault in faults]
            print_table(str(folder), ["file", "fault", "rows of the pack"], rows)
        print_note(
            f"{files:,} files, {len(faults):,} faults" if faults else f"{files:,} files, all as they were packed"
        )
    raise typer.Exit(1 if faults else 0)


def _rows(sites: tuple[int, int] | None) -> str:
    return "all" if sites is None else f"{sites[0]:,} to {sites[1] - 1:,}"
