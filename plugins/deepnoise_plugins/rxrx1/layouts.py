"""What the two releases of RxRx1 have in common: a listing of sites and the place of their images."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Listing:
    """The sites that the metadata of a release list.

    Attributes:
        sites: one row a site, not checked yet; `experiment`, `plate`, `well` and `site` at least.
        places: where each row stands, e.g. `train.csv:17`.
        source: the folder or file that was read.
        image_root: folder that image names start from.
        image_folders: folders whose absence together means that no images were downloaded.
        plate_folder: the folder of a row's images, relative to `image_root`.
    """

    sites: pl.DataFrame
    places: pl.Series
    source: str
    image_root: Path
    image_folders: tuple[Path, ...]
    plate_folder: pl.Expr


def places_in(file: Path, rows: int) -> pl.Series:
    """Where each row of a table stands in its file: `file:2`, `file:3` and so on."""
    lines = pl.int_range(2, rows + 2).cast(pl.String)
    return pl.select(place=pl.concat_str(pl.lit(f"{file}:"), lines))["place"]


def header_names(file: Path) -> frozenset[str]:
    """Column names on the first line of a CSV file, compressed or not; none where it cannot be read."""
    try:
        with file.open("rb") as probe:
            compressed = probe.read(2) == b"\x1f\x8b"
        with gzip.open(file) if compressed else file.open("rb") as stream:
            first_line = stream.readline(_LONGEST_HEADER).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return frozenset()
    return frozenset(first_line.strip().replace('"', "").split(","))


_LONGEST_HEADER = 10_000
