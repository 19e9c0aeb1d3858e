"""Opening a pack as a screen."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from deepnoise_core.contracts import DroppedSite, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.packs.array import open_array, reason
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import MANIFEST, SITES, SUMS, Manifest, parse_manifest
from deepnoise_core.data.packs.statistics import PackHistograms, PackTiles, PartFiles, require_hash
from deepnoise_core.data.packs.store import PackStore
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.statistics import described


def open_pack(name: str, *, threads: int | None = None) -> Screen:
    """The screen of a pack, with its statistics; no pixel is read.

    Table and sums are compared with their hashes, and local files with their sizes; what is in them is
    checked when it is read.

    Args:
        name: a folder, or a URL that tensorstore understands.
        threads: parts of a batch that are read at once; up to four, as the machine has cores, where None.

    Raises:
        ScreenError: a file is missing, cut or changed, or the pack needs a newer deepnoise.
    """
    location = Location(name.rstrip("/"))
    manifest = parse_manifest(location.read(MANIFEST), f"{location.name}/{MANIFEST}")
    _require_sizes(location, manifest)
    sites = _sites(location, manifest)
    sums = _sums(location, manifest)
    try:
        array = open_array(location)
    except ValueError as error:
        raise ScreenError(f"{location.name}: {reason(error)}; copy the pack again") from None
    if tuple(array.shape) != manifest.shape or array.dtype.name != manifest.dtype:
        raise ScreenError(
            f"{location.name}: its array is {array.dtype.name} {list(array.shape)}, and its manifest says "
            f"{manifest.dtype} {list(manifest.shape)}; copy the pack again"
        )
    screen = Screen(
        sites=sites,
        channels=manifest.channels,
        store=PackStore(array, location.name, sites["site_id"], sums["checksum"], threads=threads),
        source=location.name,
        reader="pack",
        dropped=tuple(DroppedSite(site, reason) for site, reason in manifest.dropped.items()),
        stains=manifest.stains,
    )
    files, rows = PartFiles(location, manifest), np.arange(len(screen))
    statistics = described(
        screen,
        sums["total"],
        sums["squares"],
        histograms=PackHistograms(files, rows),
        tiles=PackTiles(files, rows),
    )
    return replace(screen, statistics=statistics)


def _require_sizes(location: Location, manifest: Manifest) -> None:
    if location.folder is None:
        return
    for key, record in manifest.files.items():
        path = location.folder / key
        try:
            found = path.stat().st_size
        except OSError:
            raise ScreenError(f"{path}: not found; copy the pack again") from None
        if found != record.bytes:
            raise ScreenError(f"{path}: {found} bytes, and {record.bytes} were packed; copy the pack again")


def _sites(location: Location, manifest: Manifest) -> pl.DataFrame:
    content = require_hash(location.read(SITES), SITES, location, manifest)
    place = f"{location.name}/{SITES}"
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError as error:
        raise ScreenError(f"{place}: not a table ({str(error).splitlines()[0]}); copy the pack again") from None
    if table.height != manifest.shape[0]:
        raise ScreenError(f"{place}: {table.height} sites, and its manifest says {manifest.shape[0]}")
    return site_table(table, place)


def _sums(location: Location, manifest: Manifest) -> dict[str, NDArray[Any]]:
    content = require_hash(location.read(SUMS), SUMS, location, manifest)
    try:
        return load(content)
    except SafetensorError as error:
        raise ScreenError(f"{location.name}/{SUMS}: damaged ({error}); copy the pack again") from None
