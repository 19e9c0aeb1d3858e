"""Verifying a pack: every file against the hash that was taken when it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import (
    MANIFEST,
    Manifest,
    files_of_shard,
    parse_manifest,
)


@dataclass(frozen=True)
class Fault:
    """One file of a pack that is not as it was written.

    Attributes:
        file: its path in the pack.
        message: what is wrong with it.
        sites: rows of the pack whose pixels or statistics it holds, first and one past the last; None for
            a file that belongs to all.
    """

    file: str
    message: str
    sites: tuple[int, int] | None = None


def verify_pack(folder: Path, on_file: Callable[[int], None] | None = None) -> tuple[Manifest, list[Fault]]:
    """The manifest of a pack and all that is wrong with its files; empty where it is whole.

    Args:
        folder: the pack, on a local disk.
        on_file: called with 1 for each file that was hashed.

    Raises:
        ScreenError: there is no manifest, or none that this version reads.
    """
    manifest = parse_manifest(Location(str(folder)).read(MANIFEST), str(folder / MANIFEST))
    places = _rows_by_file(manifest)
    faults = []
    for path, record in manifest.files.items():
        message = _fault(folder / path, record.bytes, record.sha256)
        if message:
            faults.append(Fault(path, message, places.get(path)))
        if on_file:
            on_file(1)
    return manifest, faults + _strangers(folder, manifest)


def _rows_by_file(manifest: Manifest) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for shard in range(manifest.shards):
        first = shard * manifest.shard_sites
        rows = first, min(first + manifest.shard_sites, manifest.shape[0])
        places |= dict.fromkeys(files_of_shard(shard), rows)
    return places


def _fault(file: Path, size: int, digest: str) -> str:
    try:
        found = file.stat().st_size
        if found != size:
            return f"{found:,} bytes, and {size:,} were packed"
        return "" if sha256_of(file) == digest else "its content was changed"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _strangers(folder: Path, manifest: Manifest) -> list[Fault]:
    """Files that no pack holds: a reader of Zarr might take them for data."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return [Fault(path, "not part of the pack") for path in sorted(found - manifest.files.keys() - {MANIFEST})]
