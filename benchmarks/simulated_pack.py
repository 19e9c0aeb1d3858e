"""A pack of sites whose pixels were never written: all that opening a pack reads is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save

from deepnoise_core.contracts import Screen
from deepnoise_core.data.packs import open_pack
from deepnoise_core.data.packs.array import create_array
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import IMAGES, MANIFEST, SITES, SUMS, FileRecord, Manifest, files_of_shard


def write_pack(table: pl.DataFrame, folder: Path, channels: int) -> None:
    """The pack of a table of sites, a single shard of sites of one pixel, with sums of their own."""
    sites = table.height
    place = folder / f"pack-{sites}"
    place.mkdir()
    table.write_parquet(place / SITES)
    total = np.random.default_rng(0).integers(1, 256, (sites, channels))
    sums = {"total": total, "squares": np.square(total).astype(np.uint64), "checksum": np.zeros(sites, np.uint32)}
    (place / SUMS).write_bytes(save(sums))
    create_array(Location(str(place)), (sites, channels, 1, 1), "uint8", "none", sites)
    for name in files_of_shard(0):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    names = (SITES, SUMS, f"{IMAGES}/zarr.json", *files_of_shard(0))
    manifest = Manifest(
        origin="simulated",
        reader="simulated",
        channels=tuple(f"w{number}" for number in range(1, channels + 1)),
        stains={},
        shape=(sites, channels, 1, 1),
        dtype="uint8",
        codec="none",
        shard_sites=sites,
        resized=None,
        dropped={},
        plan="",
        files={name: _record(place / name) for name in names},
    )
    (place / MANIFEST).write_text(manifest.to_json())


def opened_pack(sites: int, folder: Path) -> Screen:
    """The screen of that pack."""
    screen = open_pack(str(folder / f"pack-{sites}"))
    assert len(screen) == sites
    return screen


def _record(file: Path) -> FileRecord:
    return FileRecord(bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
