"""What the releases of RxRx1 have in common: a listing of sites and the place of their images."""

from __future__ import annotations

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
