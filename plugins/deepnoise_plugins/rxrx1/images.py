"""Names of image files, and which sites lack some: one listing a plate folder, no look at single files."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import DroppedSite

CHANNELS = ("nuclei", "endoplasmic_reticulum", "actin", "nucleoli", "mitochondria", "golgi")
"""Structures of w1 to w6.

Stains: Hoechst, concanavalin A, phalloidin, Syto14, MitoTracker, wheat-germ agglutinin.
"""


def image_names(sites: pl.DataFrame, plate_folder: pl.Expr, places: pl.Series) -> pl.DataFrame:
    """File names like `HUVEC-01/Plate1/B02_s1_w1.png`: one row a site, columns `w1` to `w6`.

    Raises:
        ScreenError: an experiment, plate or well would lead a path out of its folder.
    """
    for name in ("experiment", "plate", "well"):
        unsafe = sites[name].str.contains(r"[/\\:\x00]|^\.+$").arg_true()
        if len(unsafe):
            row = int(unsafe[0])
            raise ScreenError(
                f"{places[row]}: {name} {sites[name][row]!r} cannot be part of a file name; "
                "write it without slashes and colons, and not as dots"
            )
    stem = pl.concat_str(plate_folder, pl.lit("/"), "well", pl.lit("_s"), "site", pl.lit("_w"))
    return sites.select(
        pl.concat_str(stem, pl.lit(f"{number}.png")).alias(f"w{number}") for number in range(1, len(CHANNELS) + 1)
    )


def lacking_sites(site_ids: pl.Series, names: pl.DataFrame, root: Path) -> dict[int, DroppedSite]:
    """Row → why it cannot be used, for every site that lacks an image under `root`."""
    present = _present(root, names["w1"].str.replace("/[^/]*$", "").unique()).implode()
    there = names.select(pl.all().is_in(present))
    rows = (~there.select(pl.all_horizontal(pl.all())).to_series()).arg_true().to_list()
    lacking = {}
    for row in rows:
        pairs = zip(names.row(row), there.row(row), strict=True)
        absent = [name for name, is_there in pairs if not is_there]
        folder = root / absent[0].rsplit("/", 1)[0]
        files = ", ".join(name.rsplit("/", 1)[1] for name in absent)
        reason = f"{len(absent)} of {len(CHANNELS)} images missing in {folder}: {files}"
        lacking[row] = DroppedSite(site_ids[row], reason)
    return lacking


def _present(root: Path, folders: pl.Series) -> pl.Series:
    found: list[str] = []
    for folder in folders:
        try:
            with os.scandir(root / folder) as entries:
                found.extend(f"{folder}/{entry.name}" for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ScreenError(f"{root / folder}: cannot be listed ({error.strerror}); check its rights") from None
    return pl.Series(found, dtype=pl.String)
